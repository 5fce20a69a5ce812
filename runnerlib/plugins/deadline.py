"""How long a hook may take, which may change while it runs."""

from __future__ import annotations

from time import monotonic
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from runnerlib._util.cancellation import Stop


class Limit:
    """`usual` seconds from now on; only `late` ones, counted from when that is seen, once the run has to stop."""

    def __init__(self, usual: float, late: float, stop: Stop) -> None:
        self._start = monotonic()
        self._stop = stop
        self._late = late
        self._end = self._start + usual
        self._shortened = False

    def left(self) -> float:
        """The seconds that are left; less than zero when time is over."""
        now = monotonic()
        if self._stop.signum and not self._shortened:
            self._shortened = True
            self._end = min(self._end, now + self._late)
        return self._end - now

    def __str__(self) -> str:
        return f"{round(self._end - self._start, 2):g} s"
