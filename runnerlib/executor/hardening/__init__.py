"""Protection of this process's memory from other processes of the same user; root can still read it.

Only command lines harden their process, never a program that uses this library. A program that the process executes
is as any other again.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from runnerlib.executor.hardening import _hardening

if TYPE_CHECKING:
    from collections.abc import Iterable


_refused = ""


def harden() -> str:
    """Close memory, descriptors and environment of this process in /proc, and write no core file.

    Returns why the system refuses it, else an empty text.
    """
    global _refused  # noqa: PLW0603 - an attribute of the whole process
    number = _hardening.harden()
    _refused = os.strerror(number) if number else ""
    return _refused


def refused() -> str:
    """Return the result of the last `harden`."""
    return _refused


def wipe(names: Iterable[str]) -> None:
    """Clear variables in the environment that this process was started with, as /proc shows it even to root.

    `os.environ` and the processes that are started keep them. To be called while there is one thread.
    """
    for name in names:
        _hardening.wipe(os.fsencode(name))


core_limit = _hardening.core_limit
"""The soft limit of core files in bytes that `harden` has found, for what a job starts; -1 for none, -2 before that."""
