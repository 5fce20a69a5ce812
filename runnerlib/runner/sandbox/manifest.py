"""The manifest of the CI source: what is in it, so that a change is noticed that nothing has prevented.

Landlock does not bound owners and modes, and older kernels have none of it. The manifest is in memory only, where no
step can reach it. Contents are not read again while inode, size and ctime stay: no process can choose the ctime of a
file. Two things break that rule. A change within the tick of the clock in which a file was read leaves its ctime; so a
file that was new then is read again. A page that is mapped and dirty changes without a trace; so a file whose ctime has
once moved is read every time from then on.
"""

from __future__ import annotations

import errno
import os
import stat
import time
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_CHUNK = 1 << 20
# Nanoseconds: the clock of files ticks every 10 ms at least.
_TICK = 50_000_000
# Changes that a message names.
_NAMED = 5

Stamp = tuple[int, int, int, int, int, int, int]


class Entry(NamedTuple):
    """One file, link or directory: `stamp` is what the kernel tells about it, `content` a digest or target.

    `read` is when its content was read, in nanoseconds since the epoch; -1: it is to be read every time.
    """

    stamp: Stamp
    content: bytes
    read: int


Manifest = dict[str, Entry]


def take(root: Path, before: Mapping[str, Entry] | None = None) -> Manifest:
    """Return the manifest of a tree, by path from `root`; contents that cannot have changed are those of `before`.

    Empty if nothing is there. Raises OSError for a directory that cannot be read.
    """
    found: Manifest = {}
    known = before if before is not None else {}
    try:
        top = os.open(root, _DIRECTORY)
    except (FileNotFoundError, NotADirectoryError):
        return found
    except OSError:
        if not root.is_symlink():
            raise
        return found
    try:
        found["."] = Entry(_stamp(os.fstat(top)), b"", 0)
        _list(top, "", known, found)
    except RecursionError:
        raise OSError(errno.ELOOP, "directories are nested too deep", str(root)) from None
    finally:
        os.close(top)
    return found


def changes(before: Mapping[str, Entry], after: Mapping[str, Entry]) -> list[str]:
    """Describe each difference between two manifests of a tree, in order of the paths."""
    if after.keys() == before.keys() and all(map(_same, before.values(), map(after.__getitem__, before))):
        return []
    return [f"'{path}' {how}" for path in sorted({*before, *after}) if (how := _how(before.get(path), after.get(path)))]


def summary(found: list[str]) -> str:
    """Return differences as one text; of many, the first ones."""
    more = f" and {len(found) - _NAMED} more" if len(found) > _NAMED else ""
    return ", ".join(found[:_NAMED]) + more


def _list(directory: int, prefix: str, known: Mapping[str, Entry], found: Manifest) -> None:
    with os.scandir(directory) as entries:
        for entry in entries:
            path = prefix + entry.name
            try:
                status = entry.stat(follow_symlinks=False)
            except FileNotFoundError:
                continue
            stamp = _stamp(status)
            old = known.get(path)
            if stat.S_ISDIR(status.st_mode):
                found[path] = Entry(stamp, b"", 0)
                with suppress(FileNotFoundError, NotADirectoryError):
                    below = os.open(entry.name, _DIRECTORY, dir_fd=directory)
                    try:
                        _list(below, path + "/", known, found)
                    finally:
                        os.close(below)
            elif old is not None and old.stamp == stamp and old.read >= 0 and status.st_ctime_ns < old.read - _TICK:
                found[path] = old
            else:
                now = -1 if old is not None and (old.read < 0 or old.stamp != stamp) else time.time_ns()
                found[path] = Entry(stamp, _content(entry.name, directory, status.st_mode), now)


def _stamp(status: os.stat_result) -> Stamp:
    """The first four are what must not change; a directory's size and times tell nothing that its entries do not."""
    is_directory = stat.S_ISDIR(status.st_mode)
    moving = (0, 0) if is_directory else (status.st_size, status.st_ctime_ns)
    return status.st_mode, status.st_uid, status.st_gid, status.st_dev, status.st_ino, *moving


def _content(name: str, directory: int, mode: int) -> bytes:
    """Return the digest of a file, or the target of a link; empty for what holds nothing, or is gone."""
    try:
        if stat.S_ISLNK(mode):
            return os.fsencode(os.readlink(name, dir_fd=directory))
        return _digest(name, directory) if stat.S_ISREG(mode) else b""
    except OSError as error:
        return f"cannot be read: {error.strerror}".encode()


def _digest(name: str, directory: int) -> bytes:
    from hashlib import blake2b  # only runs with a CI source need it

    file = os.open(name, _FILE, dir_fd=directory)
    try:
        digest = blake2b(digest_size=32)
        while data := os.read(file, _CHUNK):
            digest.update(data)
        return digest.digest()
    finally:
        os.close(file)


def _same(one: Entry, other: Entry) -> bool:
    return one is other or (one.stamp[:4] == other.stamp[:4] and one.content == other.content)


def _how(before: Entry | None, after: Entry | None) -> str:
    """Return how an entry differs; empty if it does not."""
    if before is None or after is None:
        return "is new" if before is None else "is gone"
    return "" if _same(before, after) else _what(before, after)


def _what(before: Entry, after: Entry) -> str:
    if stat.S_IFMT(before.stamp[0]) != stat.S_IFMT(after.stamp[0]):
        return "is of another type"
    if before.stamp[3] != after.stamp[3]:
        return "is mounted over"
    if before.content != after.content:
        return "has another target" if stat.S_ISLNK(before.stamp[0]) else "has another content"
    if before.stamp[0] != after.stamp[0]:
        return f"has the mode {stat.S_IMODE(after.stamp[0]):04o}, not {stat.S_IMODE(before.stamp[0]):04o}"
    return "has another owner"
