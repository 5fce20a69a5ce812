"""Files that are written whole or not at all, and files that a job may have put something else in the place of."""

from __future__ import annotations

import errno
import fcntl
import os
import stat
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_NEW = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_PLAIN = os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY


@contextmanager
def whole_file(
    path: str | os.PathLike[str],
    mode: int = 0o600,
    *,
    durable: bool = False,
    overwrite: bool = True,
    aside: str | None = None,
) -> Iterator[IO[bytes]]:
    """Open a new file that gets the name `path` when the block ends; a block that fails leaves everything as it was.

    Readers see the old content or the new, and a symbolic link at `path` is replaced, not followed. With `durable` it
    is on the disk when the block has ended, and survives a loss of power: for what is nowhere else. Without
    `overwrite`, of several that make the file at a time the first counts. `aside` is its name until then, in the same
    directory: for callers who hold a lock, so that one name does for all, and nothing is left of a process that was
    killed. Raises OSError.
    """
    path = Path(path)
    new = path.with_name(aside or f".new-{os.getpid()}-{os.urandom(6).hex()}")
    if aside:
        new.unlink(missing_ok=True)
    file = os.open(new, _NEW, mode)
    try:
        with open(file, "wb") as opened:
            yield opened
            opened.flush()
            if durable:
                os.fsync(file)
        if overwrite:
            new.replace(path)
        else:
            with suppress(FileExistsError):
                os.link(new, path)
            new.unlink()
    except BaseException:
        with suppress(OSError):
            new.unlink(missing_ok=True)
        raise
    if durable:
        _sync_directory(path.parent)


def write_whole(
    path: str | os.PathLike[str],
    data: bytes,
    mode: int = 0o600,
    *,
    durable: bool = False,
    overwrite: bool = True,
    aside: str | None = None,
) -> None:
    """Write a file as `whole_file` does. Raises OSError."""
    with whole_file(path, mode, durable=durable, overwrite=overwrite, aside=aside) as file:
        file.write(data)


def open_regular(
    path: str | os.PathLike[str], flags: int = os.O_RDONLY, mode: int = 0o600, *, dir_fd: int | None = None
) -> int:
    """Open a file that a job may have replaced: by a link, which is not followed, a pipe, which would wait, a device.

    Raises OSError for what is no regular file.
    """
    file = os.open(path, flags | _PLAIN, mode, dir_fd=dir_fd)
    if not stat.S_ISREG(os.fstat(file).st_mode):
        os.close(file)
        raise OSError(errno.EINVAL, "it is no regular file", os.fspath(path))
    return file


def try_lock(file: int, kind: int = fcntl.LOCK_EX) -> bool:
    """Lock an open file until it is closed, without waiting; return False where another process holds it.

    `kind` is LOCK_EX or LOCK_SH of fcntl. Raises OSError for a file system without locks.
    """
    try:
        fcntl.flock(file, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def read_regular(path: str | os.PathLike[str], most: int, *, dir_fd: int | None = None) -> bytes:
    """The content of such a file. Raises OSError, with EFBIG for more than `most` bytes."""
    with open(open_regular(path, dir_fd=dir_fd), "rb") as file:
        data = file.read(most + 1)
    if len(data) > most:
        raise OSError(errno.EFBIG, f"it is larger than {most} bytes", os.fspath(path))
    return data


def explain(error: OSError) -> str:
    """Return why a file cannot be used, in words for its user."""
    return "it is a symbolic link" if error.errno == errno.ELOOP else (error.strerror or str(error))


def _sync_directory(directory: Path) -> None:
    """Have the names in a directory on the disk."""
    opened = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)
