"""Sources: put the code that a job works on where the job expects it.

A source type is a module of this package named as the type, with the two functions of `spec.Handler`
and `OPTIONS`, and an entry in `registry.BUILT_IN`; or what a plugin registers with the run's `Sources`.
`mounted` keeps preparations from what somebody has mounted. The other modules serve the handlers: `spec` (values),
`options`, `place` (prepare aside, swap in when complete), `tree` (walk and remove trees without following links),
`links` and `exclusion` (what a copy may hold), `copying` and `whole` (copy trees that others may change, or nobody
does), `url` and `stored` (credentials), `client` (other people's programs), `worker` (threads around what blocks),
`patience` (waiting, and trying again) and `progress`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from runnerlib.source.git_credentials import forget_stored, stored_secrets, taken_from_files
from runnerlib.source.registry import BUILT_IN, Sources
from runnerlib.source.spec import Cache, Prepared, Report, SourceSpec
from runnerlib.source.url import url_secrets, without_credentials

if TYPE_CHECKING:
    from pathlib import Path

__all__ = [
    "Cache",
    "Prepared",
    "SourceSpec",
    "Sources",
    "check",
    "forget_stored",
    "prepare",
    "source_types",
    "stored_secrets",
    "taken_from_files",
    "url_secrets",
    "without_credentials",
]


def source_types() -> tuple[str, ...]:
    """The names of the built-in source types, sorted."""
    return BUILT_IN


def check(spec: SourceSpec) -> None:
    """`Sources.check` for the built-in types."""
    Sources().check(spec)


def _silent(_line: str) -> None:
    """Report to nobody."""


def prepare(spec: SourceSpec, target: Path, report: Report = _silent) -> Prepared | None:
    """`Sources.prepare` for the built-in types."""
    return Sources().prepare(spec, target, report)
