"""What somebody mounted where a source would go: a developer's own work, most of all, which nobody may replace.

Reactorcide's rule is that in a container any content of the code directory counts as pre-mounted. Here only a mount
point does, in a container or not: what merely lies there may be what an earlier job left, and to go on with that
would run its code as if it were the source that was asked for. A mount that a run has filled itself, a volume for
instance, is remembered in the workspace and replaced the next time.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from runnerlib.source.place import mount_points
from runnerlib.source.tree import identity

if TYPE_CHECKING:
    from pathlib import Path

    from runnerlib.source.registry import Sources
    from runnerlib.source.spec import Prepared, Report, SourceSpec

_MEMORY = ".runnerlib/mounts"


def prepare(sources: Sources, spec: SourceSpec, target: Path, base: Path, report: Report) -> Prepared | None:
    """`Sources.prepare`, unless `target` is a mount with content that no run in the workspace `base` put there."""
    if _is_mount(target) and os.listdir(target) and _line(target) not in _remembered(base):
        report(f"'{target}' is mounted from elsewhere and has content, which stays; no source is prepared")
        return None
    prepared = sources.prepare(spec, target, report)
    if prepared is not None and _is_mount(target):
        (base / _MEMORY).parent.mkdir(exist_ok=True)
        with open(base / _MEMORY, "a", encoding="utf-8", errors="surrogateescape") as memory:
            memory.write(f"{_line(target)}\n")
    return prepared


def _remembered(base: Path) -> list[str]:
    """The mounts that runs have filled."""
    try:
        return (base / _MEMORY).read_text("utf-8", "surrogateescape").splitlines()
    except FileNotFoundError:
        return []


def _is_mount(target: Path) -> bool:
    return target.is_dir() and target.resolve() in mount_points()


def _line(target: Path) -> str:
    """A mount: its file system, the directory of that, and where it is seen."""
    device, inode = identity(target)
    return f"{device}:{inode} {str(target)!r}"
