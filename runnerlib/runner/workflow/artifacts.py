"""Artifacts: files copied out of the workspace of one job, and into that of another.

A job may have put anything where a file is expected: see `transfer`. A warning names files left out of an upload; the
job fails only when a pattern matches no file, and its setting `if_no_files` can change that.
"""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

from runnerlib._util.path_glob import matches
from runnerlib._util.safe_tree import remove_tree
from runnerlib.errors import RunnerError, printable
from runnerlib.output.log.file_names import file_name
from runnerlib.runner.workflow.artifact_copy import find, transfer

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from runnerlib.pipeline.workflow import Download, Instance
    from runnerlib.runner.workflow.artifact_copy import LeftOut

DIRECTORY = "jobs"
"""The directory below the artifacts of the workspace that has a directory for each job."""

_NAMED = 5


def store_of(artifacts: Path, instance: str) -> Path:
    """Return the directory of an instance's artifacts."""
    return artifacts / DIRECTORY / file_name(instance)


def upload(
    patterns: Sequence[str], directory: Path, workspace: Path, store: Path, if_no_files: str = "fail"
) -> tuple[str, ...]:
    """Replace the content of `store` by the matching files below `directory`; return warnings about files left out.

    A pattern without a matching file is an error, a warning or nothing, as `if_no_files` says: `fail`, `warn` or
    `ignore`. Raises RunnerError for such an error, and for a file that cannot be copied.
    """
    try:
        remove_tree(store)
    except OSError as error:
        raise RunnerError(f"artifacts: cannot remove '{store}': {(error.strerror or str(error)).lower()}") from None
    files = list(find(directory, patterns))
    left = transfer(files, workspace, store)
    warnings = list(_told(left))
    names = {file.name for file in files} - {one.name for one in left}
    for pattern in patterns:
        if if_no_files == "ignore" or any(matches(name, pattern) for name in names):
            continue
        why = f" ({warnings[0].removeprefix('artifacts: ')})" if not names and warnings else ""
        text = f"artifacts: no file matches '{printable(pattern)}'{why}"
        if if_no_files == "fail":
            raise RunnerError(text)
        warnings.append(text)
    return tuple(warnings)


def expired(artifacts: Path, instances: Iterable[Instance]) -> Iterator[str]:
    """Yield the instances whose artifacts are older than their job lets them be."""
    now = time.time()
    for one in instances:
        if one.job.retention is None:
            continue
        try:
            if os.lstat(store_of(artifacts, one.name)).st_mtime + one.job.retention < now:
                yield one.name
        except FileNotFoundError:
            continue


def remove_expired(artifacts: Path, instances: Iterable[Instance]) -> None:
    """Remove the artifacts that are too old. Raises RunnerError."""
    for name in expired(artifacts, instances):
        store = store_of(artifacts, name)
        try:
            remove_tree(store)
        except OSError as error:
            raise RunnerError(f"artifacts: cannot remove '{store}': {(error.strerror or str(error)).lower()}") from None


def _told(left: Sequence[LeftOut]) -> Iterator[str]:
    """Yield a warning for each kind of file that was left out."""
    by_what: dict[str, list[str]] = {}
    for one in left:
        by_what.setdefault(one.what, []).append(f"'{printable(one.name)}'")
    for what, names in by_what.items():
        more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
        yield f"artifacts: left out {', '.join(names[:_NAMED])}{more}: {what}"


def download(wanted: Download, instances: Sequence[str], artifacts: Path, target: Path) -> int:
    """Copy the artifacts of `instances` into `target`; those of several instances go into numbered directories.

    Returns the number of files. Raises RunnerError when a file cannot be written, or would be outside `target`.
    """
    count = 0
    for number, name in enumerate(instances):
        store = store_of(artifacts, name)
        files = list(find(store, wanted.files)) if store.is_dir() else []
        left = transfer(files, store, target if len(instances) == 1 else target / str(number))
        if left:  # no upload makes such a file
            raise RunnerError(f"download: '{printable(left[0].name)}' is {left[0].what}")
        count += len(files)
    return count
