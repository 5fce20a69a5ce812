"""Limits on what clients may use of the runner's resources; pure."""

from __future__ import annotations

from runnerlib._util.values import NamedTuple


class Limits(NamedTuple):
    """Sizes are in bytes, times in seconds.

    A request must be read within `deadline`. When all `connections` are taken and one more waits, the
    oldest that has not sent its request gives way after `patience`. `secrets` and `volume` count distinct
    values over the whole life of a server; the memory that masking takes is proportional to them.
    """

    message: int = 1 << 20
    connections: int = 32
    rate: float = 100.0
    burst: int = 100
    secrets: int = 10_000
    volume: int = 4 << 20
    deadline: float = 5.0
    patience: float = 1.0


class Bucket:
    """Rate limiter: `rate` clients per second pass, `burst` of them at once; times are passed in, in seconds."""

    __slots__ = ("_due", "_interval", "_tolerance")

    def __init__(self, rate: float, burst: int) -> None:
        self._interval = 1 / rate
        self._tolerance = self._interval * (burst - 1)
        self._due = float("-inf")  # when the next one would come if they came evenly

    def delay(self, now: float) -> float:
        """Return how long the next client has to wait; 0 when it may pass."""
        return max(0.0, self._due - self._tolerance - now)

    def take(self, now: float) -> None:
        """Count one that passes."""
        self._due = max(self._due, now) + self._interval
