"""Progress of something long: a line every few seconds, or every change for a report that draws.

A `Report` that has an attribute `progress`, a function of (text, share between 0 and 1), draws: it is called
for each change. Every other gets a line of text now and then.
"""

from __future__ import annotations

import re
from time import monotonic
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from runnerlib.source.spec import Report

EVERY = 3.0
"""Seconds between two lines."""
_DRAWN = 0.1  # seconds between two looks for a bar, where looking costs something

# What git says, on lines that end with a carriage return until they are complete.
_GIT = re.compile(
    rb"(?:remote: )?(?P<what>[A-Z][a-z]+ (?:objects|deltas|files)): +\d+% "
    rb"\((?P<done>\d+)/(?P<total>\d+)\)(?:, (?P<size>[\d.]+ [KMGT]?i?B|[\d.]+ bytes))?"
)


class Meter:
    """Passes progress on to a report, no more often than it is of use there."""

    def __init__(self, report: Report, clock: Callable[[], float] = monotonic) -> None:
        self._report = report
        self._draw: Callable[[str, float], None] | None = getattr(report, "progress", None)
        self._clock = clock
        self._last = clock()
        self._rest = b""
        self._received = ""

    def step(self, what: str, done: int, total: int, size: str = "", *, counted: bool = True) -> None:
        """Report that `done` of `total` are done; `size` is the amount received, as a readable text.

        A total that is not `counted` is in bytes, and only the percentage is shown.
        """
        more = f", {size}" if size else ""
        if what == "receiving objects":
            self._received = f"received {done:,} objects{more}"
        if self._draw is not None:
            self._draw(f"{what}{more}", done / max(total, 1))
        elif self._clock() - self._last >= EVERY:
            self._last = self._clock()
            of = f" of {total:,}" if counted else ""
            self._report(f"{what}: {100 * done // max(total, 1)} %{of}{more}")

    def watch(self, what: str, measure: Callable[[], tuple[int, int, str]]) -> None:
        """Call `step` with the result of `measure`, which is called only when an update is due."""
        if self._draw is not None:
            if self._clock() - self._last >= _DRAWN:
                self._last = self._clock()
                self.step(what, *measure(), counted=False)
        elif self._clock() - self._last >= EVERY:
            self.step(what, *measure(), counted=False)

    def count(self, say: Callable[[], str]) -> None:
        """A line now and then of something that has no known end."""
        if self._clock() - self._last >= EVERY:
            self._last = self._clock()
            self._report(say())

    def sum_up(self) -> None:
        """Report the amount received, if any."""
        if self._received:
            self._report(self._received)

    def hear(self, block: bytes) -> None:
        """Parse the stderr of a git process."""
        *lines, self._rest = re.split(rb"[\r\n]", self._rest + block)
        self._rest = self._rest[-1000:]
        for line in lines:
            found = _GIT.match(line)
            if found is not None:
                size = (found["size"] or b"").decode()
                self.step(found["what"].decode().lower(), int(found["done"]), int(found["total"]), size)


def without_progress(errors: bytes) -> list[str]:
    """The lines of a git process's stderr that are no progress."""
    lines = re.split(rb"[\r\n]+", errors)
    kept = [line.decode("utf-8", "backslashreplace").strip() for line in lines if not _GIT.match(line)]
    return [line for line in kept if line and not line.startswith(("remote: Enumerating", "remote: Total"))]
