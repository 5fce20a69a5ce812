"""Protection of this process's memory from other processes of the same user; root can still read it.

Only command lines harden their process, never a program that uses this library. A program that the process executes
is as any other again.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

try:
    # By this form of import a module that is missing differs from one that is broken.
    import runnerlib.executor.hardening._hardening as _hardening  # noqa: PLR0402
except ModuleNotFoundError:  # the mask alone is installed, as it may be on systems other than Linux
    _hardening = None  # type: ignore[assignment]

if TYPE_CHECKING:
    from collections.abc import Iterable

RUNS_JOBS = _hardening is not None
"""False in an installation of the mask alone, which lacks the parts that run jobs."""

_refused = ""


def harden() -> str:
    """Close memory, descriptors and environment of this process in /proc, and write no core file.

    Returns why the system refuses it, else an empty text.
    """
    global _refused  # noqa: PLW0603 - an attribute of the whole process
    number = _hardening.harden() if _hardening else 0
    _refused = os.strerror(number) if number else ""
    return _refused


def refused() -> str:
    """Return the result of the last `harden`."""
    return _refused


def wipe(names: Iterable[str]) -> None:
    """Clear variables in the environment that this process was started with, as /proc shows it even to root.

    `os.environ` and the processes that are started keep them. To be called while there is one thread.
    """
    if _hardening:
        for name in names:
            _hardening.wipe(os.fsencode(name))


core_limit = _hardening.core_limit if _hardening else lambda: -2
"""The soft limit of core files in bytes that `harden` has found, for what a job starts; -1 for none, -2 before that."""
