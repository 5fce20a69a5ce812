"""What a built-in provider works with."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from runnerlib.config import RunnerConfig


class Setup(NamedTuple):
    """What a built-in provider works with; `password` asks for that of the local store."""

    config: RunnerConfig
    environ: Mapping[str, str]
    password: Callable[[], str]
