"""Copy a tree that others may change meanwhile, without following a link.

Every directory and file is opened relative to its parent's descriptor without following links, so that changes
of the source cannot lead the copy out of it. In one thread: 20,000 files of 12 kB take about as long as with
`cp -a`, and two threads were measured to gain nothing, because half of that time needs the GIL.
"""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING, NamedTuple

from runnerlib._util.files import open_regular
from runnerlib._util.safe_tree import DIRECTORY, Identity, copy_data, entries, go_up, identity
from runnerlib.errors import SourceError
from runnerlib.source.exclusion import Pattern, excluded
from runnerlib.source.progress import Meter
from runnerlib.source.spec import still_wanted
from runnerlib.source.symlinks import leads_out

if TYPE_CHECKING:
    from pathlib import Path

    from runnerlib.source.spec import Report

_SPECIAL = {
    stat.S_IFSOCK: "a socket",
    stat.S_IFIFO: "a fifo",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}


class Wanted(NamedTuple):
    """Selection of a copy: all of the source except one name at its top and what the patterns exclude.

    Errors call the source `shown`.
    """

    shown: str
    skipped: str | None = None
    patterns: tuple[Pattern, ...] = ()


def copy(root: int, made: Path, wanted: Wanted, report: Report) -> None:
    """Copy the open directory `root` to `made`, which does not exist yet. Raises `SourceError`."""
    made.mkdir(mode=0o700)
    walk = _Walk(wanted, identity(made.parent), os.dup(root), os.open(made, DIRECTORY), report)
    walk.run()
    for link in sorted(walk.links):
        if leads_out(link, walk.links):
            text = walk.links[link]
            raise SourceError(f"symbolic link {link!r} to {text!r} leads out of source '{wanted.shown}'")


class _Walk:
    """Copy of one tree; `trail` is the path to the current directory, open on both sides."""

    def __init__(self, wanted: Wanted, holder: Identity, source: int, copy: int, report: Report) -> None:
        self.wanted = wanted
        self.holder = holder
        self.source, self.copy = source, copy
        self.report = report
        self.meter = Meter(report)
        self.files = self.bytes = 0
        self.trail: list[tuple[str, Identity, Identity, list[str]]] = []
        self.links: dict[str, str] = {}

    def run(self) -> None:
        """Go through the tree depth first; on the way up a directory gets its mode and times."""
        try:
            todo = self.fill(self.wanted.skipped)
            while todo or self.trail:
                todo = self.enter(todo.pop(), todo) if todo else self.leave()
            _copy_status(os.fstat(self.source), self.copy)
        finally:
            os.close(self.source)
            os.close(self.copy)

    def look_up(self) -> None:
        """Stop if the run was cancelled, and report the progress now and then."""
        still_wanted(self.report)
        self.meter.count(lambda: f"copied {self.files:,} files, {self.bytes / 1e6:.1f} MB")

    def enter(self, name: str, rest: list[str]) -> list[str]:
        """Go down into directory `name` and fill its copy; return the names of its directories."""
        try:
            source = os.open(name, DIRECTORY, dir_fd=self.source)
        except OSError as error:
            raise self.failed(name, error) from error
        if identity(source) == self.holder:  # of this very copy
            os.close(source)
            return rest
        self.trail.append((name, identity(self.source), identity(self.copy), rest))
        os.close(self.source)
        self.source = source
        os.mkdir(name, 0o700, dir_fd=self.copy)
        copy = os.open(name, DIRECTORY, dir_fd=self.copy)
        os.close(self.copy)
        self.copy = copy
        return self.fill(None)

    def leave(self) -> list[str]:
        """Finish the current directory and go up; return the entries that its parent still has to copy."""
        _name, above_source, above_copy, rest = self.trail.pop()
        source = go_up(self.source, above_source)
        try:
            copy = go_up(self.copy, above_copy)
        except BaseException:
            os.close(source)
            raise
        _copy_status(os.fstat(self.source), self.copy)
        os.close(self.source)
        os.close(self.copy)
        self.source, self.copy = source, copy
        return rest

    def fill(self, skipped: str | None) -> list[str]:
        """Copy the entries of the current directory except directories; return the names of those."""
        below = []
        try:
            found = entries(self.source)
        except OSError as error:
            raise self.failed("", error) from error
        for entry in found:
            self.look_up()
            name = entry.name
            if name == skipped:
                continue
            try:
                is_directory = entry.is_dir(follow_symlinks=False)
                if self.wanted.patterns and excluded(self.path(name), is_directory, self.wanted.patterns):
                    continue
                if is_directory:
                    below.append(name)
                elif entry.is_file(follow_symlinks=False):
                    self.copy_file(name)
                else:
                    self.copy_other(name)
            except OSError as error:
                raise self.failed(name, error) from error
        return below

    def copy_other(self, name: str) -> None:
        """Copy a link; refuse anything else."""
        found = os.stat(name, dir_fd=self.source, follow_symlinks=False)
        if not stat.S_ISLNK(found.st_mode):
            kind = _SPECIAL.get(stat.S_IFMT(found.st_mode), "no file any more")
            raise SourceError(f"{self.path(name)!r} in source '{self.wanted.shown}' is {kind}, not to be copied")
        text = os.readlink(name, dir_fd=self.source)
        self.links[self.path(name)] = text
        os.symlink(text, name, dir_fd=self.copy)
        times = (found.st_atime_ns, found.st_mtime_ns)
        os.utime(name, ns=times, dir_fd=self.copy, follow_symlinks=False)

    def copy_file(self, name: str) -> None:
        """Copy one regular file with its mode and times."""
        source = open_regular(name, dir_fd=self.source)
        try:
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
            copy = os.open(name, flags, 0o600, dir_fd=self.copy)
            try:
                found = os.fstat(source)
                copy_data(source, copy, found, self.look_up)
                _copy_status(found, copy)
                self.files += 1
                self.bytes += found.st_size
            finally:
                os.close(copy)
        finally:
            os.close(source)

    def path(self, name: str) -> str:
        """Return the path of an entry of the current directory, relative to the source."""
        return "/".join([*(step[0] for step in self.trail), name])

    def failed(self, name: str, error: OSError) -> SourceError:
        """Say which entry could not be copied, and why."""
        said = (error.strerror or str(error)).lower()
        return SourceError(f"copying {self.path(name)!r} of source '{self.wanted.shown}' failed: {said}")


def _copy_status(found: os.stat_result, copy: int) -> None:
    """Give an open file or directory the times and the mode of its original, without setuid and setgid."""
    os.utime(copy, ns=(found.st_atime_ns, found.st_mtime_ns))
    os.fchmod(copy, found.st_mode & 0o1777)
