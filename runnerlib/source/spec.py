"""The input and output values of a source handler."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from runnerlib._util.values import NamedTuple
from runnerlib.errors import SourceError

Report = Callable[[str], None]
"""Takes one short line of progress, without credentials. Two attributes are used where it has them.

`check` raises if the preparation must end: the run is stopped, or its time is over. `progress` draws, see `Meter`.
"""


def still_wanted(report: Report) -> None:
    """Raise if the preparation must end; call it often. Signals work without it, and so do plain functions."""
    check: Callable[[], object] | None = getattr(report, "check", None)
    if check is not None:
        check()


class _Limited:
    """A report that also ends the preparation at a time."""

    def __init__(self, report: Report, seconds: int) -> None:
        self._report = report
        self._seconds = seconds
        self._end = time.monotonic() + seconds
        if hasattr(report, "progress"):
            self.progress = report.progress

    def __call__(self, line: str) -> None:
        self._report(line)

    def check(self) -> None:
        """Raise `SourceError` when the time is over, and what the report raises."""
        still_wanted(self._report)
        if time.monotonic() > self._end:
            raise SourceError(f"the source was not there after {self._seconds} seconds (option time-limit)")


def limited(report: Report, seconds: int) -> Report:
    """Return a report with which a preparation ends after `seconds`, with a `SourceError`."""
    return _Limited(report, seconds)


class Cache(NamedTuple):
    """Cache that sources share between runs: at most `size` bytes, unused for at most `age` seconds."""

    directory: Path
    size: int = 20 << 30
    age: float = 14 * 86400.0


class SourceSpec(NamedTuple):
    """Request for a source: `SourceSpec("git", "https://host/repo.git", "main")`.

    `options` are (name, value) pairs that only this type understands; a name may occur several times. Without a
    `cache` nothing outlives the target. `for_change`: the environment's data on a pull request
    (REACTORCIDE_PR_NUMBER, _BASE_URL, _BASE_REF) are about this source; they never are about a trusted one.
    """

    type: str
    url: str | None = None
    ref: str | None = None
    options: tuple[tuple[str, str], ...] = ()
    cache: Cache | None = None
    for_change: bool = True


class Prepared(NamedTuple):
    """Prepared source at `path`; `revision` is the full commit id, where the source has such a thing."""

    path: Path
    revision: str | None = None


class Handler(Protocol):
    """Interface of a source type, as a module of this package with the name of the type.

    It may list the options that it takes in `OPTIONS`, a tuple of names; a built-in one must.
    """

    def check(self, spec: SourceSpec, /) -> None:
        """Raise `SourceError` when `spec` can never work; pure, touches nothing."""

    def prepare(self, spec: SourceSpec, target: Path, report: Report, /) -> Prepared | None:
        """Put the source at `target`, or raise `SourceError` and leave the target as it was."""


Fill = Callable[[SourceSpec, Path, Report], str | None]
"""A plugin's source type in its shortest form: fills an empty directory, returns the revision or None."""
