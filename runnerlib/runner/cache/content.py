"""The files of an entry: directories as they are, and files that globs name, each kind in one file of the store.

What is restored is unpacked aside, in the runner's own directory, and gets its place by a rename. A job may have put
a link anywhere, so the way to each place is opened part by part.
"""

from __future__ import annotations

import errno
import os
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from runnerlib._util.path_glob import matches, may_match_below
from runnerlib._util.paths import OWN, opened_directory, own_directory
from runnerlib._util.safe_tree import DIRECTORY, remove_tree
from runnerlib.errors import printable
from runnerlib.runner.workflow.artifact_copy import find, transfer
from runnerlib.source.treefile import pack, seal, unpack

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from runnerlib.runner.cache.store import Entry
    from runnerlib.runner.workflow.artifact_copy import Found

ASIDE = "restored"
"""The beginning of the names of directories in the runner's own one, for what is being restored."""
_WILD = frozenset("*?[")
_SKIPPED = frozenset({".git", OWN})
_FILES = "files"


class Place(NamedTuple):
    """The directory that paths are below; the workspace, at `base`; and what gives files to the user of a container."""

    directory: Path
    base: Path
    own: Callable[[Path], None] | None = None


def found(directory: Path, globs: Sequence[str], what: str) -> Iterator[Found]:
    """Yield the files and links below a directory that match `globs`, without what those with `!` match.

    What git and the runner keep for themselves is no file of the job. Raises RunnerError.
    """
    wanted = [glob for glob in globs if not glob.startswith("!")]
    unwanted = [glob[1:] for glob in globs if glob.startswith("!")]

    def enters(name: str) -> bool:
        return name.rpartition("/")[2] not in _SKIPPED and any(may_match_below(name, glob) for glob in wanted)

    for file in find(directory, wanted, enters, what):
        if not any(matches(file.name, glob) for glob in unwanted):
            yield file


def pack_paths(
    directory: Path, paths: Sequence[str], into: Path, meta: dict[str, Any], check: Callable[[], None]
) -> list[str]:
    """Put what `paths` name into files of the new entry `into`, and say in `meta` what it is.

    Returns a line for each path that names nothing, and for files that are left out. Raises RunnerError and OSError.
    """
    items: list[dict[str, str]] = []
    globs = []
    for path in paths:
        plain = _as_directory(directory, path)
        if plain is None:
            globs.append(path)
            continue
        with opened_directory(directory, *plain.split("/")) as tree:
            pack(tree, into / str(len(items)), wanted=check)
        items.append({"path": plain, "file": str(len(items))})
    files = list(found(directory, globs, "cache")) if globs else []
    notes = [
        f"'{glob}' names no file"
        for glob in globs
        if not glob.startswith("!") and not any(matches(file.name, glob) for file in files)
    ]
    if files:
        left = transfer(files, directory, into / _FILES, "cache")
        notes += [f"'{printable(one.name)}' is left out: it is {one.what}" for one in left]
        pack(into / _FILES, into / "files.tree", wanted=check)
        remove_tree(into / _FILES)
        items.append({"path": "", "file": "files.tree"})
    for item in items:
        _keep(into / item["file"])
        item["seal"] = seal(into / item["file"])
    meta["items"] = items
    return notes


def unpack_entry(entry: Entry, place: Place, check: Callable[[], None], *, over: bool = False) -> list[str] | None:
    """Put the files of an entry into their places; None for a damaged one.

    What is there already is left as it is, and its paths are returned, or is replaced if the files are to go `over` it.
    Raises RunnerError and OSError.
    """
    left = []
    for item in entry.meta["items"]:
        if item["path"] and not over and _is_full(place.directory, item["path"]):
            left.append(item["path"])
            continue
        with _aside(place.base) as aside:
            try:
                if not unpack(entry.place / item["file"], aside, item["seal"], check):
                    return None
            except OSError as error:
                if error.errno not in {errno.EINVAL, errno.ENOENT, errno.EIO}:
                    raise
                return None
            if place.own is not None:
                place.own(aside)
            left += _placed(aside, place.directory, item["path"], over=over)
    return left


def forget_asides(base: Path) -> None:
    """Remove what runs that were killed have left aside; the caller has the workspace for itself."""
    with suppress(OSError):
        for path in (base / OWN).iterdir():
            if path.name.startswith(f"{ASIDE}-"):
                remove_tree(path)


def _as_directory(directory: Path, path: str) -> str | None:
    """Return the directory that a path means as a whole: `x`, `x/` or `x/**`; None if it means files."""
    plain = path.removesuffix("**")
    plain = "/".join(part for part in plain.split("/") if part not in {"", "."})
    if path.startswith("!") or not plain or _WILD.intersection(plain):
        return None
    below = directory / plain
    return plain if below.is_dir() and not below.is_symlink() else None


@contextmanager
def _aside(base: Path) -> Iterator[Path]:
    """Make a directory for what is being restored, which is gone at the end of the block."""
    made = own_directory(base, OWN, f"{ASIDE}-{os.urandom(8).hex()}", mode=0o777)
    try:
        yield made
    finally:
        with suppress(FileNotFoundError):
            remove_tree(made)


def _placed(aside: Path, directory: Path, path: str, *, over: bool) -> list[str]:
    """Give a directory aside the place `path`; return what was left as it was."""
    if path:
        with _above(directory, path) as (above, name):
            with suppress(OSError):
                os.rmdir(name, dir_fd=above)  # an empty one gives way
            if not _is_there(name, above):
                os.rename(aside, name, dst_dir_fd=above)
                return []
        if not over:
            return [path]
    return [name for name in _files_of(aside) if not _moved(aside, directory, path, name, over=over)]


def _files_of(directory: Path) -> Iterator[str]:
    """Yield the paths of the files and links below a directory of our own."""
    for above, directories, files in os.walk(directory):
        links = [name for name in directories if (Path(above) / name).is_symlink()]
        for name in (*files, *links):
            yield str((Path(above) / name).relative_to(directory))


def _moved(aside: Path, directory: Path, path: str, name: str, *, over: bool) -> bool:
    """Move one file into its place; return False if something is there that stays."""
    with _above(directory, f"{path}/{name}" if path else name) as (above, last):
        if _is_there(last, above) and not over:
            return False
        try:
            os.replace(aside / name, last, dst_dir_fd=above)
        except IsADirectoryError:
            return False
    return True


@contextmanager
def _above(directory: Path, path: str) -> Iterator[tuple[int, str]]:
    """Open the directory that a path is in, made if it is missing, and yield it with the last part of the path.

    Raises PathError for a link on the way.
    """
    *parts, last = path.split("/")
    for count in range(1, len(parts)):  # each with the same rights
        with opened_directory(directory, *parts[:count], mode=0o777):
            pass
    with opened_directory(directory, *parts, mode=0o777) as above:
        yield above, last


def _is_full(directory: Path, path: str) -> bool:
    """Return whether anything but an empty directory is at a path."""
    with _above(directory, path) as (above, name):
        if not _is_there(name, above):
            return False
        try:
            file = os.open(name, DIRECTORY, dir_fd=above)
        except OSError:
            return True
        try:
            return bool(os.listdir(file))
        finally:
            os.close(file)


def _is_there(name: str, above: int) -> bool:
    try:
        os.lstat(name, dir_fd=above)
    except FileNotFoundError:
        return False
    return True


def _keep(path: Path) -> None:
    """Have a file on the disk, so that no loss of power leaves an entry with holes."""
    file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(file)
    finally:
        os.close(file)
