"""The directory of a worker, for the workspaces of its jobs; those of workers that were killed are removed.

A worker, and each process of a job of it, holds a lock on the directory: it is free once all of them are gone.
"""

from __future__ import annotations

import fcntl
import os
import tempfile
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from runnerlib._util.safe_tree import remove_tree
from runnerlib.errors import RunnerError

if TYPE_CHECKING:
    from collections.abc import Iterator

_PREFIX = "runnerlib-worker-"
_OPENED = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


@contextmanager
def own_directory(parent: str | None) -> Iterator[Path]:
    """Make a directory below `parent`, by default that of temporary files; it is removed in the end.

    Raises RunnerError.
    """
    place = os.path.realpath(parent or tempfile.gettempdir())
    try:
        made = tempfile.mkdtemp(prefix=".new-", dir=place)
        opened = os.open(made, _OPENED)
        # Nobody else takes it for one that is left, as long as it has another name.
        fcntl.flock(opened, fcntl.LOCK_EX)
        own = Path(place, _PREFIX + os.path.basename(made).removeprefix(".new-"))
        os.rename(made, own)
    except OSError as error:
        raise RunnerError(f"cannot make a directory in '{place}' for a worker: {error.strerror}") from None
    try:
        _remove_left(place)
        yield own
    finally:
        with suppress(OSError):  # a process that cannot be ended keeps it; the next worker tries again
            remove_tree(own)
        os.close(opened)


def _remove_left(place: str) -> None:
    """Remove the directories that workers of this user have left."""
    with suppress(OSError), os.scandir(place) as entries:
        for entry in entries:
            if entry.name.startswith(_PREFIX) and entry.stat(follow_symlinks=False).st_uid == os.geteuid():
                with suppress(OSError):
                    _remove_if_left(entry.path)


def _remove_if_left(path: str) -> None:
    opened = os.open(path, _OPENED)
    try:
        fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
        remove_tree(Path(path))
    finally:
        os.close(opened)
