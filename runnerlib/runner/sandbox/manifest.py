"""The manifest of the CI source: what is in it, so that a change is noticed that nothing has prevented.

Landlock does not bound owners, modes, times and attributes, and older kernels have none of it. The manifest is in
memory only, where no step can reach it. Contents are not read again while inode, size and ctime stay: no process can
choose the ctime of a file, but by the clock of the machine (see `watch`). Two things break that rule. A change within
the tick of the clock in which a file was read leaves its ctime; so a file that was new then is read again. A page that
is mapped and dirty changes without a trace; so a file whose ctime has once moved is read every time from then on.
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

# Attributes that steps may set, or that give somebody rights.
_ATTRIBUTES = ("user.", "system.posix_acl_", "security.capability")
_DIGEST = 32
# Fields of a stamp that are the same as long as nothing has changed.
_FIXED = 4

Stamp = tuple[int, int, int, int, int, int, int, int]


class Entry(NamedTuple):
    """One file, link or directory: `stamp` is what the kernel tells of it, `content` digest and attributes, or target.

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


def changes(before: Mapping[str, Entry], after: Mapping[str, Entry], *, times: bool = False) -> list[str]:
    """Describe each difference between two manifests of a tree, in order of the paths.

    With `times` a file that has another time of change is one, even with the same content.
    """
    fixed = _FIXED + times
    if after.keys() == before.keys() and all(
        one is other or _same(one, other, fixed)
        for one, other in zip(before.values(), map(after.__getitem__, before), strict=True)
    ):
        return []
    paths = sorted({*before, *after})
    return [f"'{path}' {how}" for path in paths if (how := _how(before.get(path), after.get(path), fixed))]


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
    """The first four are what must not change, the fifth in bounds; a directory's size and times tell nothing more."""
    is_directory = stat.S_ISDIR(status.st_mode)
    modified, *moving = (0, 0, 0) if is_directory else (status.st_mtime_ns, status.st_size, status.st_ctime_ns)
    return status.st_mode, status.st_uid, status.st_gid, status.st_dev, modified, status.st_ino, moving[0], moving[1]


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
        digest = blake2b(digest_size=_DIGEST)
        while data := os.read(file, _CHUNK):
            digest.update(data)
        return digest.digest() + _attributes(file)
    finally:
        os.close(file)


def _attributes(file: int) -> bytes:
    """Return the attributes of a file that count, as one value; most files have none."""
    try:
        found = {name: os.getxattr(file, name) for name in os.listxattr(file) if name.startswith(_ATTRIBUTES)}
    except OSError:  # a file system without any
        return b""
    return repr(sorted(found.items())).encode() if found else b""


def _same(one: Entry, other: Entry, fixed: int) -> bool:
    return one.stamp[:fixed] == other.stamp[:fixed] and one.content == other.content


def _how(before: Entry | None, after: Entry | None, fixed: int) -> str:
    """Return how an entry differs; empty if it does not."""
    if before is None or after is None:
        return "is new" if before is None else "is gone"
    return "" if _same(before, after, fixed) else _what(before, after)


def _what(before: Entry, after: Entry) -> str:
    if stat.S_IFMT(before.stamp[0]) != stat.S_IFMT(after.stamp[0]):
        return "is of another type"
    if before.stamp[3] != after.stamp[3]:
        return "is mounted over"
    if before.content != after.content:
        if stat.S_ISLNK(before.stamp[0]):
            return "has another target"
        return f"has {'other attributes' if before.content[:_DIGEST] == after.content[:_DIGEST] else 'another content'}"
    if before.stamp[0] != after.stamp[0]:
        return f"has the mode {stat.S_IMODE(after.stamp[0]):04o}, not {stat.S_IMODE(before.stamp[0]):04o}"
    return f"has another {'owner' if before.stamp[1:3] != after.stamp[1:3] else 'time'}"
