"""The time limit of a hook, which gets shorter when the run is stopped."""

from __future__ import annotations

from time import monotonic
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from runnerlib._util.cancellation import Stop


class Limit:
    """A limit of `usual` seconds; when the run is being stopped, of `late` seconds from the moment this is seen."""

    def __init__(self, usual: float, late: float, stop: Stop) -> None:
        self._start = monotonic()
        self._stop = stop
        self._late = late
        self._end = self._start + usual
        self._shortened = False

    def left(self) -> float:
        """Return the remaining seconds; negative after the end of the limit."""
        now = monotonic()
        if self._stop.signum and not self._shortened:
            self._shortened = True
            self._end = min(self._end, now + self._late)
        return self._end - now

    def __str__(self) -> str:
        return f"{round(self._end - self._start, 2):g} s"
