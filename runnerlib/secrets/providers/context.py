"""Context of the built-in providers."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from runnerlib.config import RunnerConfig


class Setup(NamedTuple):
    """Context of a built-in provider; `password` asks for the password of the local store."""

    config: RunnerConfig
    environ: Mapping[str, str]
    password: Callable[[], str]
