"""Protection of mounts at a source's target: above all a developer's own work, which must never be replaced.

Reactorcide's rule is that in a container any content of the code directory counts as pre-mounted. Here only a mount
point does, in a container or not: other content may come from an earlier job, and to reuse it would run its code as
if it were the requested source. A mount that a run has filled itself, such as a volume, is recorded in the workspace
and replaced the next time.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from runnerlib._util.files import open_regular
from runnerlib._util.paths import OWN, opened_own, own_directory
from runnerlib._util.safe_tree import identity, may_be_mount
from runnerlib.errors import PathError
from runnerlib.source.atomic_replace import mount_points

if TYPE_CHECKING:
    from pathlib import Path

    from runnerlib.source.registry import Sources
    from runnerlib.source.spec import Prepared, Report, SourceSpec

_MEMORY = "mounts"
_LARGEST = 1 << 20  # characters


def prepare(sources: Sources, spec: SourceSpec, target: Path, base: Path, report: Report) -> Prepared | None:
    """`Sources.prepare`, unless `target` is a mount with content that no run in the workspace `base` put there."""
    if _is_mount(target) and os.listdir(target) and _line(target) not in _remembered(base):
        report(f"'{target}' is mounted from elsewhere and has content, which stays; no source is prepared")
        return None
    prepared = sources.prepare(spec, target, report)
    if prepared is not None and _is_mount(target):
        _remember(base, target)
    return prepared


def _remember(base: Path, target: Path) -> None:
    """A run has filled this mount. What a job may have put in the place of the memory is not followed."""
    own_directory(base, OWN)
    try:
        with opened_own(base) as own:
            memory = open_regular(_MEMORY, os.O_WRONLY | os.O_CREAT | os.O_APPEND, dir_fd=own)
        try:
            os.write(memory, f"{_line(target)}\n".encode("utf-8", "surrogateescape"))
        finally:
            os.close(memory)
    except OSError as error:
        raise PathError(f"cannot write '{base / OWN / _MEMORY}': {error.strerror}") from None


def _remembered(base: Path) -> list[str]:
    """The mounts that runs have filled."""
    with opened_own(base) as own:
        if own is None:
            return []
        try:
            memory = open_regular(_MEMORY, dir_fd=own)
        except OSError:
            return []
        with open(memory, encoding="utf-8", errors="surrogateescape") as file:
            return file.read(_LARGEST).splitlines()


def _is_mount(target: Path) -> bool:
    mounts = mount_points()
    return target.is_dir() and (target.resolve() in mounts if mounts else may_be_mount(target))


def _line(target: Path) -> str:
    """A mount: its file system, the mounted directory of that, and the mount point."""
    device, inode = identity(target)
    return f"{device}:{inode} {str(target)!r}"
