"""Use a repository on this machine: its objects are copied, so nothing has to be packed or fetched."""

from __future__ import annotations

from typing import TYPE_CHECKING

from runnerlib._util.safe_tree import remove_tree
from runnerlib.source.git.objects import copy_objects
from runnerlib.source.git.remote import find_common

if TYPE_CHECKING:
    from pathlib import Path

    from runnerlib.source.git.remote import Remote


def take_objects(remote: Remote, store: Path) -> bool:
    """Copy all objects of a local `remote`, and the boundary of their history, into `store`.

    Returns False when they could not be copied whole. Raises `SourceError` when `remote` is no repository.
    """
    common = find_common(remote.store)
    if not copy_objects(common / "objects", store / "objects", lambda: None):
        return False
    if (common / "shallow").exists():
        (store / "shallow").write_bytes((common / "shallow").read_bytes())
    return True


def empty_objects(store: Path) -> None:
    """Remove the remains of a failed copy."""
    remove_tree(store / "objects")
    for name in ("objects/pack", "objects/info"):
        (store / name).mkdir(parents=True)


def stored_bytes(remote: Remote) -> int:
    """The size of the packs of a local `remote`, in bytes."""
    folder = find_common(remote.store) / "objects/pack"
    return sum(path.stat().st_size for path in folder.glob("*.pack")) if folder.is_dir() else 0
