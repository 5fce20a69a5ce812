"""Retries after a network failure, with a wait that can be cancelled."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, TypeVar

from runnerlib._util.retry import RetryPolicy
from runnerlib._util.threads import TURN
from runnerlib.source.spec import still_wanted

if TYPE_CHECKING:
    from collections.abc import Callable

    from runnerlib.source.spec import Report

T = TypeVar("T")

POLICY = RetryPolicy(first=1.0, longest=20.0)
"""Pauses of the clients of version control systems: a server that restarts takes that long."""


def retried(
    work: Callable[[], T],
    failure: type[Exception],
    retries: int,
    report: Report,
    tidy: Callable[[], object] = lambda: None,
) -> T:
    """Return the result of `work`, which is called up to `retries` times more when it raises `failure`.

    `tidy` is called before each further attempt. Raises what the last attempt raises.
    """
    for attempt in range(1, retries + 1):
        try:
            return work()
        except failure as error:
            pause = POLICY.pause(attempt)
            report(f"{error}; attempt {attempt + 1} of {retries + 1} in {pause:.1f} s")
            wait(pause, report)
            tidy()
    return work()


def wait(seconds: float, report: Report) -> None:
    """Wait `seconds`; raises as soon as the run is cancelled."""
    end = time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0:
        still_wanted(report)
        time.sleep(min(left, TURN))
