"""Waiting for what another process does, without saying how fast it has to be."""

from __future__ import annotations

import time
from collections.abc import Callable

# Whoever waits longer waits for something that never comes.
_HOPELESS = 60.0


def until(condition: Callable[[], bool]) -> None:
    """Return when `condition` holds; fail when it does not within a minute."""
    deadline = time.monotonic() + _HOPELESS
    while not condition():
        assert time.monotonic() < deadline, "it never came"
        time.sleep(0.005)
