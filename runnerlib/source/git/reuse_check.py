"""Removal of paths that block the update of a reused checkout; feasibility is checked before anything changes."""

from __future__ import annotations

import os
import re
import stat
from typing import TYPE_CHECKING

from runnerlib._util.safe_tree import locked_directory, open_directory, remove_tree
from runnerlib.errors import SourceError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

_DOOMED = re.compile(rb'Would remove (?:"(?P<quoted>.*)"|(?P<plain>.*))')


def doomed(said: bytes) -> list[str]:
    """The paths that `git clean --dry-run` names; those of directories end with a slash."""
    found = (_DOOMED.fullmatch(line) for line in said.split(b"\n"))
    return [os.fsdecode(one["plain"] or _unquoted(one["quoted"])) for one in found if one]


def _unquoted(text: bytes) -> bytes:
    """Decode a path that git has quoted as a C string."""
    return text.decode("unicode_escape").encode("latin-1")


def make_way(top: Path, gone: Iterable[str], changed: Iterable[str]) -> None:
    """Make the parent directories of all paths to remove or write changeable; remove directories among these paths.

    Read-only directories of our own are opened. Raises `SourceError` for another user's, before anything is touched.
    """
    trees = {path.rstrip("/") for path in (*gone, *changed) if _is_directory(top / path.rstrip("/"))}
    for path in sorted(trees):
        locked = locked_directory(top / path)
        if locked is not None:
            raise _refused(os.path.normpath(os.path.join(path, locked)))
    ways = sorted({way for path in (*gone, *changed) for way in _ways(top, path.rstrip("/"))})
    for way in ways:
        if os.lstat(top / way).st_uid != os.geteuid() and not os.access(top / way, os.W_OK | os.X_OK):
            raise _refused(way)
    for way in ways:
        open_directory(top / way)
    for path in trees:
        remove_tree(top / path)


def _ways(top: Path, path: str) -> Iterator[str]:
    """The directories on the way to `path` that are there, from the top."""
    yield "."
    parts = path.split("/")[:-1]
    for depth in range(1, len(parts) + 1):
        way = "/".join(parts[:depth])
        if not _is_directory(top / way):
            return
        yield way


def _is_directory(path: Path) -> bool:
    try:
        return stat.S_ISDIR(os.lstat(path).st_mode)
    except OSError:
        return False


def _refused(path: str) -> SourceError:
    return SourceError(f"'{path}' belongs to another user and cannot be changed")
