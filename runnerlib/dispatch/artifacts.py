"""Files that jobs hand on: copied out of the workspace of one, and into that of another.

A job may have put anything where a file is expected. What a symbolic link leads to is taken only if that is a
regular file in the job's own workspace; directories are entered without following links.
"""

from __future__ import annotations

import os
import shutil
import stat
from typing import TYPE_CHECKING, NamedTuple

from runnerlib.errors import RunnerError
from runnerlib.observers.log_names import file_name
from runnerlib.path_glob import matches
from runnerlib.source.tree import remove_tree

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from runnerlib.workflow import Download

DIRECTORY = "jobs"
"""The directory below the artifacts of the workspace that has a directory for each job."""

_MOST = 100_000


class Found(NamedTuple):
    """A file: its path as the patterns see it, and the real one."""

    name: str
    real: str


def store_of(artifacts: Path, instance: str) -> Path:
    """Where the artifacts of an instance are kept."""
    return artifacts / DIRECTORY / file_name(instance)


def upload(patterns: Sequence[str], directory: Path, workspace: Path, store: Path, *, optional: bool = False) -> int:
    """Keep the files below `directory` that match; the number of them. What was kept before is gone.

    Unless `optional`, each pattern matches something. Raises RunnerError for a pattern that nothing matches, a link
    that leads out of `workspace`, and what is no file.
    """
    try:
        remove_tree(store)
    except OSError as error:
        raise RunnerError(f"artifacts: cannot remove '{store}': {(error.strerror or str(error)).lower()}") from None
    files = list(_files(directory, patterns))
    for pattern in patterns:
        if not optional and not any(matches(file.name, pattern) for file in files):
            raise RunnerError(f"artifacts: no file matches '{pattern}'")
    for file in files:
        _copy(_checked(file, workspace, "artifacts"), store / file.name, file.name)
    return len(files)


def download(wanted: Download, instances: Sequence[str], artifacts: Path, target: Path) -> int:
    """Put the artifacts of `instances` into the directory `target`, those of several each below their number.

    Returns how many. Raises RunnerError when a file cannot be written, or would be outside of `target`.
    """
    count = 0
    for number, name in enumerate(instances):
        store = store_of(artifacts, name)
        into = target if len(instances) == 1 else target / str(number)
        for file in _files(store, wanted.files) if store.is_dir() else ():
            _copy(_checked(file, store, "download"), into / file.name, file.name)
            count += 1
    return count


def _files(directory: Path, patterns: Sequence[str]) -> Iterator[Found]:
    """What is no directory below `directory` and matches, by name."""
    seen = 0
    pending = [("", os.fspath(directory))]
    while pending:
        prefix, path = pending.pop()
        try:
            with os.scandir(path) as entries:
                children = sorted(entries, key=lambda entry: entry.name)
        except OSError as error:
            raise RunnerError(f"artifacts: cannot read '{path}': {error.strerror}") from None
        for child in children:
            name = f"{prefix}{child.name}"
            if child.is_dir(follow_symlinks=False):
                pending.append((f"{name}/", child.path))
            elif any(matches(name, pattern) for pattern in patterns):
                seen += 1
                if seen > _MOST:
                    raise RunnerError(f"artifacts: more than {_MOST:,} files match")
                yield Found(name, child.path)


def _checked(file: Found, inside: Path, what: str) -> str:
    """The path of a regular file whose content may be taken. Raises RunnerError."""
    real = os.path.realpath(file.real)
    if not os.path.commonpath([real, os.path.realpath(inside)]) == os.path.realpath(inside):
        raise RunnerError(f"{what}: '{file.name}' is a link that leads out of the workspace of the job")
    return real


def _copy(source: str, target: Path, name: str) -> None:
    """Copy one file with its permissions; nothing that stands in the way is followed or kept."""
    try:
        given = os.open(source, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            mode = os.fstat(given).st_mode
            if not stat.S_ISREG(mode):
                raise RunnerError(f"artifacts: '{name}' is no regular file")
            if os.path.realpath(target.parent) != os.fspath(target.parent):
                raise RunnerError(f"artifacts: a link stands where '{name}' is to be")
            target.parent.mkdir(parents=True, exist_ok=True)
            target.unlink(missing_ok=True)
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
            made = os.open(target, flags, stat.S_IMODE(mode) & 0o777)
            with os.fdopen(given, "rb", closefd=False) as reading, os.fdopen(made, "wb") as writing:
                shutil.copyfileobj(reading, writing, 1 << 20)
        finally:
            os.close(given)
    except OSError as error:
        raise RunnerError(f"artifacts: cannot copy '{name}': {error.strerror}") from None
