"""Limits of the time that requests to a Coordinator may take, attempts and pauses together. Pure."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, NamedTuple

from runnerlib._util.retry import RetryPolicy

if TYPE_CHECKING:
    from collections.abc import Callable


class RetryLimits(NamedTuple):
    """At most `total` seconds for everything, `attempt` seconds for one request, and the pauses of `backoff`.

    Clock and sleep are those of the machine unless a test has others.
    """

    total: float = 120.0
    attempt: float = 30.0
    backoff: RetryPolicy = RetryPolicy(first=0.5, longest=20.0)
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
