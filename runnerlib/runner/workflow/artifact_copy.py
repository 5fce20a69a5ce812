"""Copies of untrusted files that keep links, holes and times, and read or write nothing outside the given directories.

A link stays a link if its target is copied, too, and becomes a copy of its target if that is in the workspace of the
job. Everything else is left out: broken links, links that lead out, sockets, pipes, devices.
"""

from __future__ import annotations

import os
import posixpath
import stat
from typing import TYPE_CHECKING, NamedTuple

from runnerlib._util.files import open_regular
from runnerlib._util.path_glob import matches
from runnerlib._util.safe_tree import copy_data
from runnerlib.errors import RunnerError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

_MOST = 100_000
_KINDS = {
    stat.S_IFSOCK: "a socket",
    stat.S_IFIFO: "a pipe",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
    stat.S_IFDIR: "a link to a directory that is not among the files",
}


class Found(NamedTuple):
    """A file or link: `name` is its path for patterns, `path` the real one, `leads_to` the target of a link."""

    name: str
    path: str
    leads_to: str | None
    is_file: bool


class LeftOut(NamedTuple):
    """A file that was not copied, and its kind."""

    name: str
    what: str


def find(
    directory: Path,
    patterns: Sequence[str],
    enters: Callable[[str], bool] = lambda _name: True,
    what: str = "artifacts",
) -> Iterator[Found]:
    """Yield the matching files and links below `directory`, by name; follows no links. Raises RunnerError.

    `enters` says of a directory, by its path below `directory`, whether it is looked into; `what` begins the errors.
    """
    seen = 0
    pending = [("", os.fspath(directory))]
    while pending:
        prefix, path = pending.pop()
        try:
            with os.scandir(path) as entries:
                children = sorted(entries, key=lambda entry: entry.name)
        except OSError as error:
            raise RunnerError(f"{what}: cannot read '{path}': {error.strerror}") from None
        for child in children:
            name = f"{prefix}{child.name}"
            if child.is_dir(follow_symlinks=False):
                if enters(name):
                    pending.append((f"{name}/", child.path))
            elif any(matches(name, pattern) for pattern in patterns):
                seen += 1
                if seen > _MOST:
                    raise RunnerError(f"{what}: more than {_MOST:,} files match")
                yield Found(name, child.path, _leads_to(child), child.is_file(follow_symlinks=False))


def _leads_to(entry: os.DirEntry[str]) -> str | None:
    if not entry.is_symlink():
        return None
    try:
        return os.readlink(entry.path)
    except OSError:  # it is gone; copying it raises the error
        return None


def transfer(files: Sequence[Found], inside: Path, into: Path, what: str = "artifacts") -> list[LeftOut]:
    """Copy `files` into the directory `into`, and return those left out; reads content only inside `inside`.

    Raises RunnerError for a file that cannot be copied.
    """
    kept = _kept_links(files)
    left = []
    for file in files:
        try:
            if file.name in kept:
                _copy_link(file, into / file.name)
            elif (kind := _copy_file(file, inside, into / file.name)) is not None:
                left.append(LeftOut(file.name, kind))
        except OSError as error:
            raise RunnerError(f"{what}: cannot copy '{file.name}': {error.strerror}") from None
    return left


def _kept_links(files: Sequence[Found]) -> set[str]:
    """Return the links that lead to a file or a directory among `files`, or to another such link."""
    known = {"."}
    for file in files:
        if file.is_file:
            known.add(file.name)
            known.update(_directories(file.name))
    kept: set[str] = set()
    links = [
        (file.name, posixpath.normpath(posixpath.join(posixpath.dirname(file.name), file.leads_to)))
        for file in files
        if file.leads_to is not None and _stays_below(file.name, file.leads_to)
    ]
    while more := {name for name, target in links if target in known} - kept:
        kept |= more
        known |= more
    return kept


def _directories(name: str) -> Iterator[str]:
    while name := posixpath.dirname(name):
        yield name


def _stays_below(name: str, leads_to: str) -> bool:
    """Return whether a link of this name cannot lead out of the tree, whatever other links exist.

    `..` is allowed only at the beginning: after a name that is itself a link it could lead anywhere.
    """
    parts = [part for part in leads_to.split("/") if part not in {"", "."}]
    up = next((number for number, part in enumerate(parts) if part != ".."), len(parts))
    return not leads_to.startswith("/") and ".." not in parts[up:] and up <= name.count("/")


def _copy_link(file: Found, target: Path) -> None:
    found = os.lstat(file.path)
    _make_way(target, file.name)
    os.symlink(file.leads_to or "", target)
    os.utime(target, ns=(found.st_atime_ns, found.st_mtime_ns), follow_symlinks=False)


def _copy_file(file: Found, inside: Path, target: Path) -> str | None:
    """Copy a file with its permissions, time and holes; return its kind instead if it is not copied."""
    real, base = os.path.realpath(file.path), os.path.realpath(inside)
    if os.path.commonpath([real, base]) != base:
        return "a link that leads out of the workspace of the job"
    try:
        kind = stat.S_IFMT(os.lstat(real).st_mode)
    except OSError:
        if file.leads_to is None:
            raise
        return "a link to nothing"
    if kind != stat.S_IFREG:
        return _KINDS.get(kind, "a link to itself")
    given = open_regular(real)
    try:
        found = os.fstat(given)
        _make_way(target, file.name)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        made = os.open(target, flags, stat.S_IMODE(found.st_mode) & 0o777)
        try:
            copy_data(given, made, found)
            os.utime(made, ns=(found.st_atime_ns, found.st_mtime_ns))
        finally:
            os.close(made)
    finally:
        os.close(given)
    return None


def _make_way(target: Path, name: str) -> None:
    """Create the parent directory of a copy, and remove an old file at its path; follows no links."""
    if os.path.realpath(target.parent) != os.fspath(target.parent):
        raise RunnerError(f"artifacts: a link stands where '{name}' is to be")
    target.parent.mkdir(parents=True, exist_ok=True)
    target.unlink(missing_ok=True)
