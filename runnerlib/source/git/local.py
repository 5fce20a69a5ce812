"""Use a repository on this machine: its objects are copied, so nothing has to be packed or fetched."""

from __future__ import annotations

import os
import re
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
    if remote.is_bundle:
        return False
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


def is_sha256(remote: Remote) -> bool:
    """Return whether a local `remote` names its objects by SHA-256, which its configuration says."""
    if remote.is_bundle:
        return False
    text = (find_common(remote.store) / "config").read_text("utf-8", "replace")
    return re.search(r"(?im)^\s*objectformat\s*=\s*sha256\s*$", text) is not None


def is_partial(remote: Remote) -> bool:
    """Return whether a local `remote` is a partial clone, which fetches objects when they are asked for."""
    if remote.url is not None or remote.is_bundle:
        return False
    return any((find_common(remote.store) / "objects/pack").glob("*.promisor"))


def stored_bytes(remote: Remote) -> int:
    """The size of the packs of a local `remote`, or of the bundle that it is, in bytes."""
    if remote.is_bundle:
        return os.path.getsize(remote.address)
    folder = find_common(remote.store) / "objects/pack"
    return sum(path.stat().st_size for path in folder.glob("*.pack")) if folder.is_dir() else 0
