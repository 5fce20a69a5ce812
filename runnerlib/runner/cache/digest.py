"""Digests of files: of their contents, for keys and sources, and of what the file system says, for what was made."""

from __future__ import annotations

import os
import stat
from hashlib import blake2b, file_digest
from typing import TYPE_CHECKING, NamedTuple

from runnerlib._util.files import open_regular
from runnerlib._util.path_glob import matches
from runnerlib.runner.cache.content import found

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from runnerlib.runner.workflow.artifact_copy import Found


class Digest(NamedTuple):
    """A digest, the number of files in it, and the globs that match none."""

    text: str
    files: int
    missing: tuple[str, ...]


def of_contents(directory: Path, globs: Sequence[str], check: Callable[[], None]) -> Digest:
    """Return the digest of the names and contents of files. Raises RunnerError and OSError."""
    return _digest(directory, globs, _content, check)


def of_states(directory: Path, globs: Sequence[str], check: Callable[[], None]) -> Digest:
    """Return the digest of the names, sizes and times of files, which changes when one is written to."""
    return _digest(directory, globs, _state, check)


def _digest(directory: Path, globs: Sequence[str], say: Callable[[Found], str], check: Callable[[], None]) -> Digest:
    total = blake2b(digest_size=16)
    names = []
    for file in sorted(found(directory, globs, "files")):
        check()
        names.append(file.name)
        total.update(f"{file.name}\0{say(file)}\0".encode("utf-8", "surrogateescape"))
    missing = [glob for glob in globs if not glob.startswith("!") and not any(matches(name, glob) for name in names)]
    return Digest(total.hexdigest(), len(names), tuple(missing))


def _content(file: Found) -> str:
    """Say what is in a file: a link is its target, and what is neither is what it is."""
    if file.leads_to is not None:
        return f"-> {file.leads_to}"
    if not file.is_file:
        return "no file"
    with open(open_regular(file.path), "rb") as opened:
        runs = os.fstat(opened.fileno()).st_mode & stat.S_IXUSR
        return f"{bool(runs)} {file_digest(opened, _hash).hexdigest()}"


def _hash() -> blake2b:
    return blake2b(digest_size=16)


def _state(file: Found) -> str:
    status = os.lstat(file.path)
    return f"{file.leads_to} {status.st_mode & 0o777:o} {status.st_size} {status.st_mtime_ns}"
