"""`none`: the job has no source; existing content of the target stays."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from runnerlib.source.spec import Report, SourceSpec

OPTIONS: tuple[str, ...] = ()


def check(_spec: SourceSpec) -> None:
    """Accept anything: a URL that is not fetched does no harm."""


def prepare(_spec: SourceSpec, _target: Path, report: Report) -> None:
    """Touch nothing, ever."""
    report("no source to prepare")
