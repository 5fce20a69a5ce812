"""Retry policy: backoff with jitter, the delay that the server requests, and a limit. Pure."""

from __future__ import annotations

import os
import time
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable

AGAIN = frozenset({408, 425, 429, 500, 502, 503, 504})
"""Statuses of a server that may do it the next time."""


def _random() -> float:
    return int.from_bytes(os.urandom(4)) / (1 << 32)


class Patience(NamedTuple):
    """Retry policy: at most `total` seconds for everything, and `attempt` seconds for one request.

    Pauses begin at about `first` seconds and double up to `longest`. Clock, sleep and random number (0 to 1) are those
    of the machine unless a test has others.
    """

    total: float = 120.0
    attempt: float = 30.0
    first: float = 0.5
    longest: float = 20.0
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    random: Callable[[], float] = _random

    def pause(self, failures: int, asked: float | None) -> float:
        """Return the seconds to wait after so many failures; at least `asked`, if the server requested a delay.

        It is half of the backoff and a random part of the rest, so that many runners that lost the same server do not
        come back at the same moment.
        """
        backoff = min(self.longest, self.first * 2.0 ** min(failures - 1, 60))
        own = backoff / 2 + self.random() * backoff / 2
        return own if asked is None else max(own, asked)


def retry_after(value: str | None, now: float) -> float | None:
    """Return the seconds that a Retry-After header asks for at `now`, seconds since the epoch; None for none."""
    if value is None:
        return None
    text = value.strip()
    if text.isascii() and text.isdigit():
        return float(text[:9])
    try:
        return max(0.0, parsedate_to_datetime(text).timestamp() - now)
    except (ValueError, OverflowError, TypeError):
        return None
