"""Puts the members of an archive into a new tree, and refuses those that would lead out of it.

What tar and unzip take, this takes as well where nothing can come of it: of a name that is there twice, the last entry
counts; a hard link may come before its file, or be one to a link; zeros become holes.

The tree is empty at the beginning and ours, symbolic links are made after everything else, and every name is
looked up in a table of what has been made: so while files are written there is no link that could be followed,
on a file system without upper and lower case neither. Then each link is followed by its text, through all the
others (`symlinks.leads_out`). `tarfile`'s filters decide member by member by asking the file system, and were led
out again and again (CVE-2025-4517, CVE-2026-11940).
"""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import TYPE_CHECKING

from runnerlib._util.safe_tree import DIRECTORY
from runnerlib.source.symlinks import leads_out
from runnerlib.source.tarball.member import ArchiveError, only_zeros, shown

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator
    from pathlib import Path

    from runnerlib.source.tarball.member import Limits, Member

_LONGEST_PATH = 4095  # bytes, as the kernel
_LONGEST_NAME = 255
_MOST_NAMES = 256 << 20  # bytes of all names: they are kept in memory
_EARLIEST, _LATEST = -(10**9 << 31), 10**9 << 33  # nanoseconds; what file systems can keep
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


class Extraction:
    """One archive on its way into the directory `made`, which is new and empty."""

    def __init__(
        self, made: Path, limits: Limits, strip: int, wanted: Callable[[], None], roots: Collection[str] = ()
    ) -> None:
        """`wanted` raises when the run is cancelled; `roots` are the paths that the tree is going to have."""
        self._root = os.open(made, DIRECTORY)
        self._roots = roots
        self._limits = limits
        self._strip = strip
        self._wanted = wanted
        self._taken = _taken_away(self._root)
        self._above: dict[str, str] = {}
        self._kinds: dict[str, str] = {"": "directory"}
        self._directories: dict[str, tuple[int, int | None]] = {}
        self._links: dict[str, tuple[str, int | None]] = {}
        self._hard_links: dict[str, Member] = {}  # to files that have not come yet
        self._names = 0
        self.replaced = 0
        self.entries = 0
        self.size = 0

    def close(self) -> None:
        """Close the directory."""
        os.close(self._root)

    def add(self, member: Member) -> None:
        """Put one member into the tree. Raises `ArchiveError` for hostile members."""
        self._wanted()
        self._count(member.name + member.link, member.size)
        if member.kind not in {"file", "directory", "symlink", "hardlink"}:
            raise ArchiveError(f"{shown(member.name)} is {member.kind}")
        path = self._path(member.name)
        if path is None:
            return
        if not path and member.kind != "directory":
            raise ArchiveError(f"{shown(member.name)} has no name")
        if path in self._kinds and (member.kind != "directory" or self._kinds[path] != "directory"):
            self._replace(path, member)
        if member.kind == "directory":
            self._make_parents(f"{path}/x" if path else path, member)
            self._directories[path] = member.mode & 0o1777, member.mtime
            return
        self._make_parents(path, member)
        self._make(path, member)

    def finish(self) -> None:
        """Make the links, and give directories their modes and times."""
        self._make_late_hard_links()
        texts = {path: text for path, (text, _) in self._links.items()}
        for path, (text, mtime) in self._links.items():
            if leads_out(path, texts, self._roots):
                raise ArchiveError(f"{shown(path)} is a symbolic link to {shown(text)}, which leads out of the archive")
            with _new(path):
                os.symlink(text, path, dir_fd=self._root)
            self._set_time(path, mtime)
        deepest_first = sorted(self._directories, key=lambda path: path.count("/") + bool(path), reverse=True)
        for path in deepest_first:
            mode, mtime = self._directories[path]
            os.chmod(path or ".", mode, dir_fd=self._root)
            self._set_time(path or ".", mtime)

    @property
    def empty(self) -> bool:
        """True if nothing was put into the tree."""
        return len(self._kinds) == 1

    def _count(self, name: str, size: int) -> None:
        """Refuse an archive as soon as it exceeds a limit."""
        self.entries += 1
        self.size += size
        self._names += len(name)
        if self.entries > self._limits.entries:
            raise ArchiveError(f"it has more than {self._limits.entries} entries (option max-files)")
        if self.size > self._limits.size:
            raise ArchiveError(f"it unpacks to more than {self._limits.size} bytes (option max-size)")
        if self._names > _MOST_NAMES:
            raise ArchiveError(f"its names take more than {_MOST_NAMES} bytes")

    def _path(self, name: str) -> str | None:
        """The path below the root that a name means; None when it is stripped away."""
        above, slash, last = name.rpartition("/")
        above += slash  # "/x" is not "x"
        # Most names are plain ones in a directory that has been looked at.
        place = self._above.get(above)
        if place is not None and _is_plain(last) and len(name) <= _LONGEST_NAME and name.isascii():
            return f"{place}/{last}" if place else last
        path = self._examined(name)
        if path is not None and _is_plain(last):
            self._above[above] = path.rpartition("/")[0]
        return path

    def _examined(self, name: str) -> str | None:
        """`_path`, part by part."""
        if name.startswith("/"):
            raise ArchiveError(f"{shown(name)} is an absolute name")
        parts = [part for part in name.split("/") if part not in {"", "."}]
        if ".." in parts:
            raise ArchiveError(f"{shown(name)} leads out of the archive by '..'")
        raw = os.fsencode("/".join(parts))
        if b"\0" in raw or len(raw) > _LONGEST_PATH or any(len(part) > _LONGEST_NAME for part in raw.split(b"/")):
            raise ArchiveError(f"{shown(name)} is no name a file can have")
        if len(parts) <= self._strip and self._strip:
            return None
        return "/".join(parts[self._strip :])

    def _make_parents(self, path: str, member: Member) -> None:
        """Make the directories above `path`; existing entries must be directories."""
        above = path.rpartition("/")[0]
        if self._kinds.get(above) == "directory":
            return
        at = 0
        while (at := f"{above}/".find("/", at + 1)) > 0:
            directory = above[:at]
            kind = self._kinds.get(directory)
            if kind is None:
                self._count(directory, 0)
                with _new(directory):
                    os.mkdir(directory, 0o700, dir_fd=self._root)
                self._kinds[directory] = "directory"
                self._directories[directory] = 0o755, None
            elif kind != "directory":
                raise ArchiveError(f"{shown(member.name)} lies below {shown(directory)}, which is a {kind}")

    def _make(self, path: str, member: Member) -> None:
        if member.kind == "symlink":
            if not member.link or "\0" in member.link or len(os.fsencode(member.link)) > _LONGEST_PATH:
                raise ArchiveError(f"{shown(member.name)} is a symbolic link to nothing a link can name")
            self._links[path] = member.link, member.mtime
        elif member.kind == "hardlink":
            self._make_hard_link(path, member)
            return
        else:
            self._make_file(path, member)
        self._kinds[path] = member.kind

    def _replace(self, path: str, member: Member) -> None:
        """Take away what an earlier entry has made, as tar and unzip do: what comes later counts."""
        kind = self._kinds[path]
        if kind == "directory":
            raise ArchiveError(f"{shown(member.name)} is there twice, as a {kind} and as a {member.kind}")
        if kind == "file":
            os.unlink(path, dir_fd=self._root)
        self._links.pop(path, None)
        self._hard_links.pop(path, None)
        del self._kinds[path]
        self.replaced += 1

    def _make_hard_link(self, path: str, member: Member, *, last: bool = False) -> None:
        """Link `path` to its file, or copy a link; what is not there may come later, unless this is the `last` look."""
        target = self._path(member.link.lstrip("/"))
        kind = self._kinds.get(target or "")
        if kind == "file" and target:
            with _new(path):
                os.link(target, path, src_dir_fd=self._root, dst_dir_fd=self._root, follow_symlinks=False)
            self._kinds[path] = "file"
        elif kind == "symlink" and target:
            self._links[path] = self._links[target]
            self._kinds[path] = "symlink"
        elif target and kind in {None, "hard link"} and not last:
            self._hard_links[path] = member
            self._kinds[path] = "hard link"
        else:
            what = "which is a directory" if kind == "directory" else "which is no file of the archive"
            raise ArchiveError(f"{shown(member.name)} is a hard link to {shown(member.link)}, {what}")

    def _make_late_hard_links(self) -> None:
        """Make the hard links whose files came later, each after the one that it leads through."""
        for path in list(self._hard_links):
            chain = []
            at: str | None = path
            while at in self._hard_links:
                member = self._hard_links.pop(at)
                chain.append((at, member))
                at = self._path(member.link.lstrip("/"))
            for name, member in reversed(chain):
                self._make_hard_link(name, member, last=True)

    def _make_file(self, path: str, member: Member) -> None:
        if member.mode & 0o6000:
            raise ArchiveError(f"{shown(member.name)} is setuid or setgid")
        mode = member.mode & 0o1777
        try:
            file = os.open(path, _NEW, mode & 0o777, dir_fd=self._root)
        except FileExistsError:
            raise _twice(path) from None
        try:
            end = 0
            for at, block in member.content:
                self._wanted()
                if not only_zeros(block):
                    _write(file, block, at)
                    end = at + len(block)
            if end != member.size:
                os.ftruncate(file, member.size)
            if mode & (self._taken | 0o1000):
                os.fchmod(file, mode)
            if member.mtime is not None:
                os.utime(file, ns=_times(member.mtime))
        finally:
            os.close(file)

    def _set_time(self, path: str, mtime: int | None) -> None:
        if mtime is not None:
            os.utime(path, ns=_times(mtime), dir_fd=self._root, follow_symlinks=False)


@contextmanager
def _new(path: str) -> Iterator[None]:
    """Make something: that it exists already means that two names are one to this file system."""
    try:
        yield
    except FileExistsError:
        raise _twice(path) from None


def _twice(path: str) -> ArchiveError:
    return ArchiveError(f"{shown(path)} is there twice, but for upper and lower case")


def _is_plain(last: str) -> bool:
    """Return whether the last component of a name can be a file name."""
    return last not in {"", ".", ".."} and "\0" not in last


def _taken_away(root: int) -> int:
    """Return the mode bits that umask or a default ACL removes from a new file; all if unknown."""
    try:
        probe = os.open(".", os.O_TMPFILE | os.O_WRONLY | os.O_CLOEXEC, 0o777, dir_fd=root)
    except OSError:
        return 0o777
    try:
        return 0o777 & ~os.fstat(probe).st_mode
    finally:
        os.close(probe)


def _times(mtime: int) -> tuple[int, int]:
    """Access and modification time; one out of the range of file systems becomes the nearest one inside."""
    time = min(max(mtime, _EARLIEST), _LATEST)
    return time, time


def _write(file: int, block: bytes, at: int) -> None:
    view = memoryview(block)
    while view:
        done = os.pwrite(file, view, at)
        view = view[done:]
        at += done
