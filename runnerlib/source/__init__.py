"""Sources: put the code that a job works on where the job expects it.

A source type is a module of this package named as the type, with the two functions of `spec.Handler` and `OPTIONS`, and
an entry in `registry.BUILT_IN`; or a handler that a plugin registers with the run's `Sources` (`plugin_handler` checks
it).

The other modules serve the handlers: `spec` (values), `options`, `mounts` (never replace a mounted directory),
`atomic_replace` (prepare aside, swap in when complete), `symlinks`, `exclusion` and `ignore_patterns` (the files that a
copy may hold), `copy_tree` (copy a tree that may change meanwhile), `treefile` (keep a tree in one file), `url` and
`git_credentials` (credentials), `vcs_process` (external programs), `interruptible_thread` (a thread around calls of
libgit2), `retry` (waiting, and trying again), `progress`.
`git_query` answers questions about a repository.
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
    return tuple(sorted(BUILT_IN))


def check(spec: SourceSpec) -> None:
    """`Sources.check` for the built-in types."""
    Sources().check(spec)


def _silent(_line: str) -> None:
    """Report nothing."""


def prepare(spec: SourceSpec, target: Path, report: Report = _silent) -> Prepared | None:
    """`Sources.prepare` for the built-in types."""
    return Sources().prepare(spec, target, report)
