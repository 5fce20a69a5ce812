"""Trees of untrusted files: open, remove and copy bytes without ever following a symbolic link.

A walk holds one directory descriptor and goes up by `..`, checked against the directory it came from:
neither the depth of a tree nor a directory swapped under our feet can hurt it.
"""

from __future__ import annotations

import errno
import os
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_CHUNK = 16 << 20  # cancellation waits for no more than this
_FULL = {errno.ENOTEMPTY, errno.EEXIST}
_REFUSED = {errno.EXDEV, errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP, errno.EPERM, errno.EBADF}

Identity = tuple[int, int]


def identity(where: int | str | Path) -> Identity:
    """Return device and inode of an open descriptor or a path, links followed."""
    found = os.stat(where)
    return found.st_dev, found.st_ino


def go_up(fd: int, expected: Identity) -> int:
    """Open the parent of directory `fd`; raise `OSError` unless it is the `expected` one."""
    above = os.open("..", DIRECTORY, dir_fd=fd)
    if identity(above) != expected:
        os.close(above)
        raise OSError(errno.ESTALE, "a directory was moved while we were inside it")
    return above


def remove_tree(path: Path) -> None:
    """Remove the directory `path` and everything below it, read-only directories too, if it is there.

    Raises `OSError` for what cannot be removed. A mount point is refused before anything in it is touched, of the
    same file system (`mount --bind`) too: `rmdir` answers EBUSY for one even when it is full, on every kernel, while
    the number of a mount needs /proc or a kernel that tells it.
    """
    try:
        if _remove_empty(str(path), None):
            return
    except FileNotFoundError:
        return
    fd = _open_writable(str(path), None)
    trail: list[tuple[str, Identity]] = []
    try:
        while (name := _unlink_until_directory(fd)) is not None or trail:
            if name is None:
                name, parent = trail.pop()
                above = go_up(fd, parent)
                os.close(fd)
                fd = above
                _remove_empty(name, fd)
            elif not _remove_empty(name, fd):
                trail.append((name, identity(fd)))
                below = _open_writable(name, fd)
                os.close(fd)
                fd = below
                if identity(fd)[0] != trail[-1][1][0]:
                    raise OSError(errno.EBUSY, "is another file system", name)
    finally:
        os.close(fd)
    path.rmdir()


def _remove_empty(name: str, parent: int | None) -> bool:
    """Remove a directory if it is empty, and return whether it was. Raises OSError for a mount point."""
    try:
        os.rmdir(name, dir_fd=parent)
    except OSError as error:
        if error.errno == errno.EBUSY:
            raise OSError(errno.EBUSY, "is a mount point", name) from None
        if error.errno not in _FULL:
            raise
        return False
    return True


def may_be_mount(path: Path) -> bool:
    """Return whether a directory is a mount point, or whether that is unknown because there is no /proc.

    An empty one counts as none: of it nothing can be lost.
    """
    with os.scandir(path) as inside:
        if next(inside, None) is None:
            return False
    try:
        _remove_empty(str(path), None)
    except OSError:
        return True
    return False


def locked_directory(path: Path) -> str | None:
    """Find the first directory in `path` whose content another user keeps us from removing, "." for `path` itself.

    None when there is none, so that `remove_tree` will succeed. The search changes nothing: closed directories of our
    own, and those too deep for a path, are not searched.
    """
    waiting = ["."]
    while waiting:
        where = waiting.pop()
        place = os.path.join(path, where)
        with suppress(OSError):
            ours = os.lstat(place).st_uid == os.geteuid()
            try:
                with os.scandir(place) as found:
                    inside = {entry.name: entry.is_dir(follow_symlinks=False) for entry in found}
            except PermissionError:
                if ours:
                    continue
                return where
            if inside and not ours and not os.access(place, os.W_OK | os.X_OK, effective_ids=True):
                return where
            waiting += [os.path.normpath(os.path.join(where, name)) for name, below in inside.items() if below]
    return None


def _unlink_until_directory(fd: int) -> str | None:
    """Unlink entries of `fd` up to the first directory; return its name, or None when `fd` is empty."""
    with os.scandir(fd) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                return entry.name
            os.unlink(entry.name, dir_fd=fd)
    return None


def _open_writable(name: str, parent: int | None) -> int:
    """Open a directory and make sure that its owner may list, search and change it."""
    try:
        fd = os.open(name, DIRECTORY, dir_fd=parent)
    except PermissionError:
        handle = os.open(name, os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=parent)
        try:
            os.chmod(f"/proc/self/fd/{handle}", 0o700)
            fd = os.open(".", DIRECTORY, dir_fd=handle)
        finally:
            os.close(handle)
    if os.fstat(fd).st_mode & 0o700 != 0o700:
        os.fchmod(fd, 0o700)
    return fd


def open_directory(path: Path) -> None:
    """Give the owner of a directory, if that is us, all rights to it. Raises `OSError` for a symbolic link."""
    with suppress(PermissionError):
        os.close(_open_writable(str(path), None))


def entries(fd: int) -> list[os.DirEntry[str]]:
    """List the entries of an open directory."""
    with os.scandir(fd) as found:
        return list(found)


def _always() -> None:
    """Cancellation check that never cancels."""


def copy_data(source: int, made: int, found: os.stat_result, wanted: Callable[[], None] = _always) -> None:
    """Copy the content of an open file in its state `found`; holes stay holes.

    `wanted` raises when the run is cancelled.
    """
    if found.st_blocks * 512 >= found.st_size:
        copy_bytes(source, made, found.st_size, wanted)
        return
    end = 0
    while end < found.st_size:
        try:
            start = os.lseek(source, end, os.SEEK_DATA)
            end = os.lseek(source, start, os.SEEK_HOLE)
        except OSError as error:
            if error.errno != errno.ENXIO:
                raise
            break  # nothing but a hole is left
        os.lseek(source, start, os.SEEK_SET)
        os.lseek(made, start, os.SEEK_SET)
        copy_bytes(source, made, end - start, wanted)
    os.ftruncate(made, found.st_size)


def copy_bytes(source: int, made: int, size: int | None = None, wanted: Callable[[], None] = _always) -> None:
    """Copy `size` bytes (None or 0: all) between open files, in the kernel (or by reflink) if possible.

    A file that has become shorter meanwhile gives what is left of it. See `copy_data` for `wanted`.
    """
    left = size or _CHUNK
    try:
        while left and (done := os.copy_file_range(source, made, min(left, _CHUNK))):
            left -= done if size else 0
            wanted()
    except OSError as error:
        if error.errno not in _REFUSED:
            raise
    # The rest: all of it if the kernel refused; a file of /proc, of which it "copies" nothing.
    while left and (block := os.read(source, min(left, 1 << 20))):
        view = memoryview(block)
        while view:
            view = view[os.write(made, view) :]
        left -= len(block) if size else 0
        wanted()
