"""Work trees that were checked out on this machine before: the fastest checkout is a copy of one.

The first tree of a repository is stored, and that of each commit that is wanted again; others are brought there from
the nearest. A tree is stored as one file, with its index, and with a seal: what the file system says about both,
their change times included, which no program can set. What does not look exactly as it did is removed, never used.
Copies share nothing with the cache but the blocks of a reflink.

`trees/<commit>-<variant>/` holds `tree`, `index` and `seal`.
"""

from __future__ import annotations

import os
import shutil
from contextlib import suppress
from typing import TYPE_CHECKING

from runnerlib._util.proc import own_status
from runnerlib._util.safe_tree import remove_tree
from runnerlib.source.treefile import pack, seal, unpack

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

_MOST = 3
"""Trees of one repository that are kept: jobs of one push, and of the pushes around it."""


class Trees:
    """The trees of one repository; the caller holds its lock, which may be shared."""

    def __init__(self, place: Path, sparse: Sequence[str], wanted: Callable[[], None] = lambda: None) -> None:
        """`wanted` raises when the run is cancelled; it is called several times a second."""
        self._place = place
        self._variant = _variant(sparse)
        self._wanted = wanted

    def take(self, commit: str, top: Path) -> str | None:
        """Fill `top`, which has nothing but `.git`, from the tree of `commit`, or else from the one used last.

        Returns the commit that `top` is at now, with its index in `top/.git`; None when there was none,
        and `top` is as it was then.
        """
        for place in self._found(commit):
            if _copy(place, top, self._wanted):
                with suppress(OSError):
                    os.utime(place)
                return place.name.partition("-")[0]
            remove_tree(place)
        return None

    def store(self, commit: str, top: Path) -> None:
        """Store a copy of the work tree `top`, which is at `commit` and was verified."""
        place = self._place / f"{commit}-{self._variant}"
        if place.exists():
            return
        aside = self._place / f".{os.getpid()}-{os.urandom(4).hex()}"
        aside.mkdir(mode=0o700, parents=True)
        try:
            _store(top, aside, self._wanted)
            _rename(aside, place)
        finally:
            remove_tree(aside)

    def prune(self) -> None:
        """Remove all but the last few, and the remains of killed runs; needs the exclusive lock."""
        with suppress(FileNotFoundError):
            found = sorted(self._place.iterdir(), key=lambda path: path.stat().st_mtime_ns, reverse=True)
            whole = [path for path in found if not path.name.startswith(".")]
            for path in (*whole[_MOST:], *(path for path in found if path not in whole)):
                remove_tree(path)

    def _found(self, commit: str) -> list[Path]:
        """The tree of `commit` if there is one; then the most recent other one of this variant."""
        exact = self._place / f"{commit}-{self._variant}"
        others = [path for path in self._place.glob(f"*-{self._variant}") if path != exact]
        recent = sorted(others, key=_used, reverse=True)[:1]
        return [path for path in (exact, *recent) if path.is_dir()]


def _variant(sparse: Sequence[str]) -> str:
    """Return a name for the settings that change the work tree of a commit: its files, and their permissions."""
    import hashlib

    files = hashlib.sha256("\n".join(sorted(sparse)).encode()).hexdigest()[:8] if sparse else "whole"
    return f"{files}-{_umask()}"


def _umask() -> str:
    """Of this process, as the kernel tells it: `os.umask` would change it, for every thread, to tell it."""
    return own_status("Umask")


def _used(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return 0


def _copy(place: Path, top: Path, wanted: Callable[[], None]) -> bool:
    """Copy a stored tree and its index; return False, and leave nothing of them, if they were changed."""
    try:
        tree, index = (place / "seal").read_text().splitlines()
        if seal(place / "index") == index and unpack(place / "tree", top, tree, wanted):
            # Of now, when every file is known to be right: git reads again what is not older than its index.
            shutil.copyfile(place / "index", top / ".git/index")
            return True
    except (OSError, ValueError):
        pass
    _empty(top)
    return False


def _empty(top: Path) -> None:
    """Remove the remains of a partial copy in `top`."""
    for entry in top.iterdir():
        if entry.is_dir() and not entry.is_symlink():
            if entry.name != ".git":
                remove_tree(entry)
        else:
            entry.unlink()


def _store(top: Path, aside: Path, wanted: Callable[[], None]) -> None:
    """Fill `aside` from the work tree `top`."""
    pack(top, aside / "tree", ".git", wanted)
    shutil.copyfile(top / ".git/index", aside / "index")
    (aside / "seal").write_text("".join(f"{seal(aside / name)}\n" for name in ("tree", "index")))


def _rename(aside: Path, place: Path) -> None:
    """Give a tree its name, unless another process was faster."""
    try:
        aside.rename(place)
    except OSError:
        if not place.is_dir():
            raise
