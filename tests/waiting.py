"""Waiting for what another process does, without saying how fast it has to be."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

# Whoever waits longer waits for something that never comes.
_HOPELESS = 60.0


def until(condition: Callable[[], bool]) -> None:
    """Return when `condition` holds; fail when it does not within a minute."""
    deadline = time.monotonic() + _HOPELESS
    while not condition():
        assert time.monotonic() < deadline, "it never came"
        time.sleep(0.005)


def until_nobody_uses(directory: Path) -> None:
    """Return when no other process has a directory in its command or environment, or is in it."""
    until(lambda: not any(_uses(process, os.fsencode(directory)) for process in Path("/proc").glob("[0-9]*")))


def _uses(process: Path, path: bytes) -> bool:
    """Tell it of one process, given its directory below /proc; one that has ended uses nothing."""
    with suppress(OSError):
        words = (process / "cmdline").read_bytes() + (process / "environ").read_bytes()
        return process.name != str(os.getpid()) and path in words + os.fsencode(os.readlink(process / "cwd"))
    return False
