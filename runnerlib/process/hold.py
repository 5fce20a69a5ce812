"""What the runner changes about its own process while it has custody of others, and how it puts it back.

These are attributes of the whole process, which the kernel keeps once: so the count of those who need
them is kept once too, here, beside what there was before the first of them came.
"""

from __future__ import annotations

import os
from threading import Lock

from runnerlib.errors import RunnerError
from runnerlib.process import _spawn

_lock = Lock()
_count = 0
_adopted = False
_ignored = False
_owner = 0


def acquire() -> None:
    """Adopt the orphans among the descendants of this process, and learn how children end. Raises RunnerError."""
    global _count, _adopted, _ignored, _owner  # noqa: PLW0603 - see above
    with _lock:
        if _owner != os.getpid():  # a fork: a child has the variables of its parent, and not its attributes
            _count, _owner = 0, os.getpid()
        try:
            if _count == 0:
                _adopted = _spawn.subreaper()
                _spawn.set_subreaper(True)
                # Whoever starts the runner may have ignored SIGCHLD, and that is inherited.
                _ignored = _spawn.ignore_children(False)
        except OSError as error:
            raise RunnerError(f"cannot adopt orphaned processes: {error.strerror}") from None
        _count += 1


def release() -> None:
    """Undo one `acquire`; the last one restores what there was."""
    global _count  # noqa: PLW0603
    with _lock:
        if _owner != os.getpid():
            return
        _count -= 1
        if _count == 0:
            _spawn.set_subreaper(_adopted)
            if _ignored:
                _spawn.ignore_children(True)
