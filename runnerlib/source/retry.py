"""Backoff between attempts after a network failure; the wait can be cancelled."""

from __future__ import annotations

import random
import time
from typing import TYPE_CHECKING

from runnerlib.source.spec import still_wanted

if TYPE_CHECKING:
    from runnerlib.source.spec import Report

FIRST, LONGEST = 1.0, 30.0
"""Seconds before the second attempt, doubled for each further one; and the most."""

TURN = 0.2
"""Seconds between two checks for cancellation during a blocking call."""


def pause_before(attempt: int, first: float = FIRST, longest: float = LONGEST) -> float:
    """The seconds to wait before `attempt`, 2 or more.

    With jitter: runners that one outage stopped must not come back in step.
    """
    return min(first * 2.0 ** (attempt - 2), longest) * random.uniform(0.5, 1.0)  # noqa: S311 - no secret


def wait(seconds: float, report: Report) -> None:
    """Wait `seconds`; raises as soon as the run is cancelled."""
    end = time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0:
        still_wanted(report)
        time.sleep(min(left, TURN))
