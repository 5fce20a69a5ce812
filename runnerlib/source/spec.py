"""The values that go into a source handler and come out of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from pathlib import Path

Report = Callable[[str], None]
"""Takes one short line of progress, without credentials."""


class SourceSpec(NamedTuple):
    """What the user asked for: `SourceSpec("git", "https://host/repo.git", "main")`."""

    type: str
    url: str | None = None
    ref: str | None = None


class Prepared(NamedTuple):
    """What stands at `path` now; `revision` is the full commit id, where the source has such a thing."""

    path: Path
    revision: str | None = None


class Handler(Protocol):
    """What a module of this package must offer to be a source type; its name is the type's name."""

    def check(self, spec: SourceSpec, /) -> None:
        """Raise `SourceError` when `spec` can never work; pure, touches nothing."""

    def prepare(self, spec: SourceSpec, target: Path, report: Report, /) -> Prepared | None:
        """Put the source at `target`, or raise `SourceError` and leave the target as it was."""
