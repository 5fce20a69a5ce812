"""The limit of open files: raised for the runner while it supervises processes; its steps keep the original one."""

from __future__ import annotations

import resource
from contextlib import suppress
from threading import Lock

# Descriptors for a thousand steps at a time, and more; a limit of millions helps no process.
_WANTED = 1 << 14

_lock = Lock()
_count = 0
_given = 0


def acquire() -> int:
    """Raise the soft limit as far as the hard one allows; the limit that there was, which is for steps."""
    global _count, _given  # noqa: PLW0603 - a limit is of the whole process
    with _lock:
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        if _count == 0:
            _given = soft
            _set(max(soft, _WANTED if hard == resource.RLIM_INFINITY else min(hard, _WANTED)), hard)
        _count += 1
        return _given


def places(each: int, spare: int) -> int:
    """Return how many items of `each` descriptors fit into the limit, at least one; `spare` descriptors stay free."""
    return max((resource.getrlimit(resource.RLIMIT_NOFILE)[0] - spare) // each, 1)


def release() -> None:
    """Undo one `acquire`; the last one restores the limit."""
    global _count  # noqa: PLW0603
    with _lock:
        _count -= 1
        if _count == 0:
            _set(_given, resource.getrlimit(resource.RLIMIT_NOFILE)[1])


def _set(soft: int, hard: int) -> None:
    # The system may have a lower limit for all of them, or the program lowered the hard one.
    with suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
