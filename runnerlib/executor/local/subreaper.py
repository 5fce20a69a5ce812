"""Attributes of the runner's own process that supervision of other processes changes and restores.

The kernel keeps them once per process. So this module keeps one count of their users, and the values from before the
first.
"""

from __future__ import annotations

import os
from contextlib import contextmanager
from threading import Lock
from typing import TYPE_CHECKING

from runnerlib.executor.local import _spawn

if TYPE_CHECKING:
    from collections.abc import Iterator

_lock = Lock()
_count = 0
_collecting = 0
_adopted = False
_ignored = False
_refused = ""
_owner = 0


def acquire() -> None:
    """Adopt the orphans among the descendants of this process, if the system allows it, and learn how children end."""
    global _count, _adopted, _refused  # noqa: PLW0603 - see above
    with _lock:
        _forget_parent()
        if _count == 0:
            try:
                _adopted = _spawn.subreaper()
                _spawn.set_subreaper(True)
                _refused = ""
            except OSError as error:  # only by a seccomp profile
                _refused = str(error.strerror)
        _count += 1
        _collect()


def refused() -> str:
    """Return why the last `acquire` could not make this process a subreaper; else an empty text."""
    return _refused


def release() -> None:
    """Undo one `acquire`; the last one restores the original state."""
    global _count  # noqa: PLW0603
    with _lock:
        if _owner != os.getpid():
            return
        _count -= 1
        if _count == 0 and not _refused:
            _spawn.set_subreaper(_adopted)
        _collect_no_more()


@contextmanager
def collecting() -> Iterator[None]:
    """Learn how children end, though the program may ignore that; for a child that belongs to no job."""
    with _lock:
        _forget_parent()
        _collect()
    try:
        yield
    finally:
        with _lock:
            if _owner == os.getpid():
                _collect_no_more()


def _forget_parent() -> None:
    """In a fork: a child has the variables of its parent, and not its attributes."""
    global _count, _collecting, _owner
    if _owner != os.getpid():
        _count, _collecting, _owner = 0, 0, os.getpid()


def _collect() -> None:
    global _collecting, _ignored  # noqa: PLW0603
    if _collecting == 0:
        # The runner's parent may have ignored SIGCHLD, and that is inherited.
        _ignored = _spawn.ignore_children(False)
    _collecting += 1


def _collect_no_more() -> None:
    global _collecting  # noqa: PLW0603
    _collecting -= 1
    if _collecting == 0 and _ignored:
        _spawn.ignore_children(True)
