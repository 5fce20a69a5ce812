"""Retry policy: the pauses between attempts, and what an HTTP server says about the next one. Pure."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable

RETRYABLE = frozenset({408, 425, 429, 500, 502, 503, 504})
"""HTTP statuses of a server that may do it the next time."""

# Doubling a float more often than this overflows, and the limit has long been reached.
_DOUBLINGS = 1000


def _random() -> float:
    """A random number from 0 to 1; importing `random` would cost a millisecond."""
    return int.from_bytes(os.urandom(4)) / 0xFFFF_FFFF


class RetryPolicy(NamedTuple):
    """Exponential backoff: pauses of `first` seconds, doubled after each failure up to `longest`, with jitter.

    `jitter` is the share by which a pause varies: 0.1 is 10 % more or less. `random` gives a number from 0 to 1.
    """

    # One kind of jitter for all: it is symmetric, so the average pause is the backoff that a user has written down.
    # "Full" and "equal" jitter only shorten pauses, and a step's `backoff: 10s` would be 5 or 7.5 s on average.
    # The share depends on how many runners meet one server: after an outage they must not come back in step (half);
    # a step's own default is a tenth.
    first: float
    longest: float
    jitter: float = 0.5
    random: Callable[[], float] = _random

    def pause(self, failures: int, asked: float | None = None) -> float:
        """Return the seconds to wait after so many failures; at least `asked`, if the server requested a delay."""
        backoff = min(self.longest, self.first * 2.0 ** min(failures - 1, _DOUBLINGS))
        own = backoff * (1 + self.jitter * (2 * self.random() - 1))
        return own if asked is None else max(own, asked)


def retry_after(value: str | None, now: float) -> float | None:
    """Return the seconds that a Retry-After header asks for at `now`, seconds since the epoch; None for none."""
    if value is None:
        return None
    text = value.strip()
    if text.isascii() and text.isdigit():
        return float(text[:9])
    from email.utils import parsedate_to_datetime  # a date is rare, and this loads a package

    try:
        return max(0.0, parsedate_to_datetime(text).timestamp() - now)
    except (ValueError, OverflowError, TypeError):
        return None
