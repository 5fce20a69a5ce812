"""Take over the objects of a git repository on this machine by copying its packs and loose objects.

libgit2's fetch from a path repacks object by object; copying first leaves it nothing to transfer. Measured
on a repository of 5,000 files and 51 commits: 0.4 s (one pack) and 0.7 s (10,800 loose objects) instead of
2.3 to 4.9 s, where hard links would take 0.36 and 0.6 s. Two ways that save this rest are refused:

- hard links, which libgit2's own local clone and git use: the job owns its work tree, and one `chmod u+w`
  later it writes through the shared inode into the objects of the source;
- alternates: a job's repository would break when its source goes away or is pruned.

A copy through `copy_file_range` is a reflink where the file system has them, so it costs little more.
"""

from __future__ import annotations

import os
import re
from contextlib import suppress
from typing import TYPE_CHECKING

from runnerlib._util.files import open_regular
from runnerlib._util.safe_tree import DIRECTORY, copy_bytes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

_LOOSE = re.compile("[0-9a-f]{38}(?:[0-9a-f]{24})?")
_PACK = re.compile(r"(pack-[0-9a-f]{40}(?:[0-9a-f]{24})?)\.pack")
_DEEPEST = 5  # git's own limit for alternates of alternates


def copy_objects(source: Path, made: Path, check: Callable[[], None]) -> bool:
    """Copy all objects of the object directory `source`, and of its alternates, into that of `made`.

    Returns False when `source` could not be copied whole (it was repacked meanwhile, its alternates are
    unreadable): some objects may be missing then. Calls `check` before each file.
    """
    try:
        for store in _stores(source, _DEEPEST):
            for folder, names in _files(store):
                (made / folder).mkdir(exist_ok=True)
                _copy_files(store / folder, made / folder, names, check)
    except (OSError, ValueError):
        return False
    return True


def _stores(store: Path, depth: int) -> Iterator[Path]:
    """Yield an object directory and, recursively, its alternates."""
    if depth == 0:
        raise ValueError("alternates too deep")
    yield store
    listed = store / "info" / "alternates"
    for line in listed.read_text("utf-8", "surrogateescape").splitlines() if listed.exists() else ():
        if line.startswith('"'):
            raise ValueError("quoted alternate")
        if line and not line.startswith("#"):
            yield from _stores(store / line, depth - 1)


def _files(store: Path) -> Iterator[tuple[str, list[str]]]:
    """Yield folder and file names of all objects: packs with their index, then loose ones.

    Then packs again, as long as there are new ones: what was loose may have been packed meanwhile. Anything else
    in there, links included, is no object of ours.
    """
    listed = _packs(store)
    yield "pack", _of_packs(listed)
    for folder in sorted(_names(store)):
        if re.fullmatch("[0-9a-f]{2}", folder):
            yield folder, [name for name in _names(store / folder) if _LOOSE.fullmatch(name)]
    while new := _packs(store) - listed:
        listed |= new
        yield "pack", _of_packs(new)


def _packs(store: Path) -> set[str]:
    """The packs of an object directory, without the end of their names."""
    return {found[1] for name in _names(store / "pack") if (found := _PACK.fullmatch(name))}


def _of_packs(bases: Iterable[str]) -> list[str]:
    return [base + end for base in sorted(bases) for end in (".pack", ".idx")]


def _names(directory: Path) -> list[str]:
    """Return the names in a directory."""
    return [entry.name for entry in directory.iterdir()]


def _copy_files(source: Path, made: Path, names: list[str], check: Callable[[], None]) -> None:
    """Copy regular files between two directories; a file that exists is the same object."""
    below, above = os.open(source, DIRECTORY), os.open(made, DIRECTORY)
    try:
        for name in names:
            check()
            original = open_regular(name, dir_fd=below)
            try:
                _copy_new(original, name, above)
            finally:
                os.close(original)
    finally:
        os.close(below)
        os.close(above)


def _copy_new(original: int, name: str, above: int) -> None:
    """Copy an open file to `name` in the directory `above`, unless that exists; read-only, as git's are.

    It gets its name when it is complete: an object is there as a whole or not at all.
    """
    with suppress(FileNotFoundError):
        os.stat(name, dir_fd=above, follow_symlinks=False)
        return
    aside = f"tmp_{name}"
    copy = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, 0o444, dir_fd=above)
    try:
        copy_bytes(original, copy)
    finally:
        os.close(copy)
    os.rename(aside, name, src_dir_fd=above, dst_dir_fd=above)
