"""`copy`: the source is a directory of this machine, copied to the target.

Names, contents, modes (without setuid and setgid), modification times, empty directories and symbolic
links are kept; owners, extended attributes, hard links and holes are not. A symbolic link is copied as a
link and refused when following it would leave the source; an absolute one is refused even if it points
inside, because in the copy it would still point to the original. Sockets, fifos and devices are refused.

When the target lies inside the source (`.` copied into `./job/src`), the workspace is left out: the
top-most component below the source that contains the target (`job`).
"""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING

from runnerlib.errors import SourceError
from runnerlib.source.links import leads_out
from runnerlib.source.place import replacing
from runnerlib.source.spec import Prepared
from runnerlib.source.tree import DIRECTORY, Identity, copy_bytes, go_up, identity, open_regular

if TYPE_CHECKING:
    from runnerlib.source.spec import Report, SourceSpec

_SPECIAL = {
    stat.S_IFSOCK: "a socket",
    stat.S_IFIFO: "a fifo",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}

OPTIONS: tuple[str, ...] = ()


def check(spec: SourceSpec) -> None:
    """Require a path; a ref means nothing here and is passed over."""
    if not spec.url:
        raise SourceError("source type 'copy' needs a url: the path of a directory")


def prepare(spec: SourceSpec, target: Path, report: Report) -> Prepared:
    """Copy the directory `spec.url` (relative to the current one) to `target`."""
    shown = spec.url or ""
    try:
        source = Path(shown).resolve(strict=True)
        root = os.open(source, DIRECTORY)
    except OSError as error:
        raise SourceError(f"source '{shown}' is no readable directory: {_said(error)}") from error
    try:
        place = target.resolve()
        skipped = _workspace(source, place)
        report(f"copying '{shown}'" + (f" without '{skipped}', which holds the target" if skipped else ""))
        with replacing(target) as made:
            _Copier(shown, skipped, made).run(root)
    finally:
        os.close(root)
    return Prepared(place)


def _workspace(source: Path, target: Path) -> str | None:
    """Return the name of the entry of `source` that holds `target`, None when the target is elsewhere."""
    here = identity(source)
    lineage = [target, *target.parents]
    below: Path | None = None
    for place in lineage:
        if place.exists() and identity(place) == here:
            if below is None:
                raise SourceError(f"source '{source}' is the target itself")
            return below.name
        below = place
    if target.exists() and identity(target) in map(identity, source.parents):
        raise SourceError(f"source '{source}' lies inside the target '{target}'")
    return None


def _said(error: OSError) -> str:
    """Return what the system says, in the case of our messages."""
    return (error.strerror or str(error)).lower()


class _Copier:
    """Copies one tree; `trail` is the way down to the directory at hand.

    Every directory and file is opened relative to its parent's descriptor without following links, so
    that nobody who changes the source meanwhile can lead the copy out of it.
    """

    def __init__(self, shown: str, skipped: str | None, made: Path) -> None:
        self.shown = shown
        self.skipped = skipped
        self.made = made
        self.trail: list[tuple[str, Identity, Identity, list[str]]] = []
        self.links: dict[str, str] = {}

    def run(self, root: int) -> None:
        """Copy the open directory `root` to `made`, which does not exist yet."""
        self.made.mkdir(mode=0o700)
        self.source, self.copy = os.dup(root), os.open(self.made, DIRECTORY)
        try:
            self.walk()
        finally:
            os.close(self.source)
            os.close(self.copy)
        for link in sorted(self.links):
            if leads_out(link, self.links):
                text = self.links[link]
                raise SourceError(f"symbolic link {link!r} to {text!r} leads out of source '{self.shown}'")

    def walk(self) -> None:
        """Go through the tree depth first; on the way up a directory gets its mode and times."""
        todo = self.fill(self.skipped)
        while todo or self.trail:
            todo = self.enter(todo.pop(), todo) if todo else self.leave()
        _copy_status(os.fstat(self.source), self.copy)

    def enter(self, name: str, rest: list[str]) -> list[str]:
        """Go down into directory `name` and fill its copy; return the names of its directories."""
        try:
            source = os.open(name, DIRECTORY, dir_fd=self.source)
        except OSError as error:
            raise self.failed(name, error) from error
        if identity(source) == identity(self.made.parent):  # the holder of this very copy
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
        """Finish the directory at hand and go up; return what its parent still has to do."""
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
        """Copy what is no directory from the directory at hand; return the names of those that are."""
        below = []
        try:
            names = os.listdir(self.source)
        except OSError as error:
            raise self.failed("", error) from error
        for name in names:
            if name == skipped:
                continue
            try:
                if self.copy_entry(name):
                    below.append(name)
            except OSError as error:
                raise self.failed(name, error) from error
        return below

    def copy_entry(self, name: str) -> bool:
        """Copy a file or a link; return whether `name` is a directory, which is left to the walk."""
        found = os.stat(name, dir_fd=self.source, follow_symlinks=False)
        if stat.S_ISDIR(found.st_mode):
            return True
        if stat.S_ISLNK(found.st_mode):
            text = os.readlink(name, dir_fd=self.source)
            self.links[self.path(name)] = text
            os.symlink(text, name, dir_fd=self.copy)
            times = (found.st_atime_ns, found.st_mtime_ns)
            os.utime(name, ns=times, dir_fd=self.copy, follow_symlinks=False)
        elif stat.S_ISREG(found.st_mode):
            self.copy_file(name)
        else:
            kind = _SPECIAL.get(stat.S_IFMT(found.st_mode), "no file")
            raise SourceError(f"{self.path(name)!r} in source '{self.shown}' is {kind}, not to be copied")
        return False

    def copy_file(self, name: str) -> None:
        """Copy one regular file with its mode and times."""
        source = open_regular(name, self.source)
        try:
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
            copy = os.open(name, flags, 0o600, dir_fd=self.copy)
            try:
                copy_bytes(source, copy)
                _copy_status(os.fstat(source), copy)
            finally:
                os.close(copy)
        finally:
            os.close(source)

    def path(self, name: str) -> str:
        """Return the path of an entry of the directory at hand, relative to the source."""
        return "/".join([*(step[0] for step in self.trail), name])

    def failed(self, name: str, error: OSError) -> SourceError:
        """Say which entry could not be copied, and why."""
        return SourceError(f"copying {self.path(name)!r} of source '{self.shown}' failed: {_said(error)}")


def _copy_status(found: os.stat_result, copy: int) -> None:
    """Give an open file or directory the times and the mode of its original, without setuid and setgid."""
    os.utime(copy, ns=(found.st_atime_ns, found.st_mtime_ns))
    os.fchmod(copy, found.st_mode & 0o1777)
