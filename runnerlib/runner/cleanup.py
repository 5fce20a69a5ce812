"""Removal of the workspace that jobs leave on a developer's machine; never of a container's workspace."""

from __future__ import annotations

import fcntl
import os
from contextlib import suppress
from pathlib import Path, PurePath
from typing import TYPE_CHECKING

from runnerlib._util.files import try_lock
from runnerlib._util.paths import CONTAINER_BASE, OWN
from runnerlib._util.safe_tree import remove_tree
from runnerlib.config import RunnerConfig
from runnerlib.errors import RunnerError
from runnerlib.source.atomic_replace import living_holders, mount_inside, mount_points
from runnerlib.triggers.workflow_variables import OUTPUT_NAME, VARS_NAME

if TYPE_CHECKING:
    from collections.abc import Collection

    from runnerlib._util.paths import Workspace

_OURS = frozenset({"src", "ci", "artifacts", ".runnerlib", ".reactorcide"})
# Of a run in place; `venv` is where the first file of a Python project puts its tools.
_IN_PLACE = frozenset({".gitignore", "jobs", "venv", "history.db", "history.db.lock"})
_FILES = frozenset({PurePath(RunnerConfig.triggers_file).name, OUTPUT_NAME, VARS_NAME})


def clean(workspace: Workspace, more: Collection[str] = (), *, force: bool = False) -> bool:
    """Remove the workspace, and return whether there was one.

    Job files in the workspace of a project stay. In a container nothing is removed. Raises RunnerError when a run is
    active in the workspace, when something is mounted there and, unless `force`, when it holds entries that no run
    makes; `more` names further entries that may be removed.
    """
    base = workspace.base
    if base == CONTAINER_BASE or not os.path.lexists(base):
        return False
    if not base.is_dir():
        raise RunnerError(f"'{base}' is no directory")
    if living_holders(base) or _is_locked(workspace):
        raise RunnerError(f"a run is at work in '{base}'")
    mounts, there = mount_points(), base.resolve()
    mounted = there if there in mounts else mount_inside(there, mounts)
    if mounted is not None:
        raise RunnerError(f"'{mounted}' is a mount point, which is never removed: unmount it first")
    kept = _described(base) if workspace.tree is not None else set()
    known = {*_OURS, *_FILES, *more, *kept, *(_IN_PLACE if workspace.tree is not None else ())}
    strange = sorted(name for name in os.listdir(base) if name not in known and not name.startswith(".runnerlib-"))
    if strange and not force:
        shown = ", ".join(map(repr, strange[:5])) + (", …" if len(strange) > 5 else "")
        raise RunnerError(f"'{base}' holds {shown}, which no run has made; --force removes that, too")
    try:
        if kept:
            _remove_all_but(base, kept)
        else:
            remove_tree(base)
    except OSError as error:
        why = (error.strerror or str(error)).lower()
        raise RunnerError(f"cannot remove '{base}': '{error.filename}': {why}") from None
    return True


def _described(base: Path) -> set[str]:
    """Return the names of job files, which a person has written."""
    return {name for name in os.listdir(base) if name.endswith((".yaml", ".yml"))}


def _remove_all_but(base: Path, kept: Collection[str]) -> None:
    """Remove everything in a directory but `kept`. Raises OSError."""
    for name in set(os.listdir(base)).difference(kept):
        path = base / name
        if path.is_dir() and not path.is_symlink():
            remove_tree(path)
        else:
            path.unlink()


def _is_locked(workspace: Workspace) -> bool:
    """Return whether a job with steps is running in the workspace: such a run locks its journal."""
    path = workspace.base / OWN / "journal.ndjson"
    with suppress(FileNotFoundError), open(path, "rb", opener=_at_once) as journal:
        return not try_lock(journal.fileno(), fcntl.LOCK_SH)
    return False


def _at_once(path: str, flags: int) -> int:
    """Open without waiting: a job may have left a FIFO there."""
    return os.open(path, flags | os.O_NONBLOCK)
