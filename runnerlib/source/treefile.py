"""Store a whole tree in one file, and restore it, as fast as possible: compiled code, several threads.

In the caller's thread this would hold up signals until the end, so another thread waits for the threads at work.
"""

from __future__ import annotations

import os
from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING

from runnerlib._util.safe_tree import DIRECTORY
from runnerlib._util.threads import BlockingCall, Cancellation
from runnerlib.source import _treefile

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

_MOST = 8  # beyond that, threads wait for each other in the file system


def pack(tree: Path | int, file: Path, skipped: str = "", wanted: Callable[[], None] = lambda: None) -> None:
    """Write the content of the directory `tree`, except the entry `skipped`, into the new file `file`.

    `tree` may be a descriptor of it.

    See `ext/treefile/treefile.h` for the preserved attributes. `wanted` raises when the run is cancelled; it is
    called several times a second. Raises OSError.
    """
    given = nullcontext(tree) if isinstance(tree, int) else _opened(tree, DIRECTORY)
    with given as source, _opened(file, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC) as made:
        _run(lambda stop: _treefile.write(source, made, os.fsencode(skipped), stop), wanted)


def unpack(file: Path, tree: Path, seal: str, wanted: Callable[[], None] = lambda: None) -> bool:
    """Fill the directory `tree` from `file`; False when the file does not match `seal` (any more).

    `tree` may be half full then. Raises OSError.
    """
    with _opened(file, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC) as source:
        if _seal(os.fstat(source)) != seal:
            return False
        with _opened(tree, DIRECTORY) as made:
            threads = min(os.cpu_count() or 1, _MOST)
            _run(lambda stop: _treefile.read(source, made, threads, stop), wanted)
        return _seal(os.fstat(source)) == seal


def seal(file: Path) -> str:
    """A text that changes when anything is written to `file`: no program can set the change time of an inode."""
    return _seal(file.stat(follow_symlinks=False))


def _seal(found: os.stat_result) -> str:
    return f"{found.st_ino} {found.st_mode:o} {found.st_size} {found.st_mtime_ns} {found.st_ctime_ns}"


@contextmanager
def _opened(path: Path, flags: int) -> Iterator[int]:
    """The descriptor of an open file; a new one is ours alone."""
    fd = os.open(path, flags, 0o600)
    try:
        yield fd
    finally:
        os.close(fd)


def _run(work: Callable[[bytearray], object], wanted: Callable[[], None]) -> None:
    """Run the compiled part in a thread; an exception here, from a signal handler, ends it within a few files."""
    wanted()
    cancellation = Cancellation()
    # What it writes to is closed afterwards, so there is no end before the thread's.
    with BlockingCall(lambda: work(cancellation.flag), cancellation, "runnerlib-tree", grace=None) as call:
        call.result(wanted)
