"""Files of Git LFS that are there already: git-lfs itself looks at nothing but their size."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from runnerlib._util.files import open_regular

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

_BLOCK = 1 << 20


def forget_damaged(objects: Path, wanted: Iterable[str], still_wanted: Callable[[], None]) -> None:
    """Remove the objects in `wanted` whose content does not match their name, a SHA-256."""
    for oid in wanted:
        place = objects / oid[:2] / oid[2:4] / oid
        with suppress(FileNotFoundError):
            if _digest(place, still_wanted) != oid:
                place.unlink()


def _digest(place: Path, still_wanted: Callable[[], None]) -> str:
    import hashlib

    found = hashlib.sha256()
    with open(open_regular(place), "rb") as opened:
        while block := opened.read(_BLOCK):
            still_wanted()
            found.update(block)
    return found.hexdigest()
