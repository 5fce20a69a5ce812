"""The cache of one machine: for each repository a directory with its lock, its mirror and its trees.

`<cache>/git/<name>-<hash of the address>/` holds `lock`, `mirror` (a bare repository), `mirror.json` (its required
state), `trees/` and `lfs/` (files of Git LFS). Everything in it can be made again, so damaged parts are removed.
Only our user has access: write access to the cache decides what the jobs of this machine build.
"""

from __future__ import annotations

import fcntl
import os
import re
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from runnerlib._util.files import open_regular, try_lock
from runnerlib._util.safe_tree import remove_tree
from runnerlib.source.spec import still_wanted

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from runnerlib.source.spec import Cache, Report

LFS = "lfs"
_TURN = 0.02  # seconds between two attempts to get a lock that another process holds


class Entry:
    """The place of one repository in the cache."""

    def __init__(self, place: Path) -> None:
        self.place = place
        self.mirror = place / "mirror"
        self.trees = place / "trees"
        self.used = (place / "mirror").exists()
        self._lock = -1

    @contextmanager
    def locked(self, report: Report) -> Iterator[None]:
        """Have the place for ourselves; `share` lets others look, too. The kernel ends a dead process's lock."""
        self._lock = _acquire(self.place, report)
        try:
            os.utime(self.place)  # the last use, by which the cache is pruned
            yield
        finally:
            os.close(self._lock)
            self._lock = -1

    def share(self) -> None:
        """Downgrade to a shared lock: other readers may enter, and from now on only trees are added."""
        fcntl.flock(self._lock, fcntl.LOCK_SH)

    def discard(self) -> None:
        """Remove everything; needs the lock for ourselves, and waits for it."""
        fcntl.flock(self._lock, fcntl.LOCK_EX)
        for path in (self.mirror, self.trees):
            remove_tree(path)
        (self.place / "mirror.json").unlink(missing_ok=True)


def why_not(cache: Cache) -> str | None:
    """Make the cache if it is not there; why it cannot be used, None when it can."""
    top = cache.directory.absolute() / "git"
    try:
        top.mkdir(mode=0o700, parents=True, exist_ok=True)
        status = top.stat()
    except OSError as error:
        return f"'{top}': {(error.strerror or str(error)).lower()}"
    if status.st_uid != os.geteuid() or status.st_mode & 0o022:
        return f"'{top}' belongs to another user, or others can write to it"
    return None if os.access(top, os.W_OK) else f"'{top}' cannot be written"


def entry(cache: Cache, address: str) -> Entry:
    """The place of the repository at `address` in a cache that can be used."""
    import hashlib

    name = re.sub(r"[^\w.-]+", "-", address.rstrip("/").rpartition("/")[2].removesuffix(".git"))[:40].strip(".-")
    digest = hashlib.sha256(os.fsencode(address)).hexdigest()[:20]
    return Entry(cache.directory.absolute() / "git" / f"{name}-{digest}")


def _acquire(place: Path, report: Report) -> int:
    """The open lock file of `place`, locked; a place that was pruned while we waited is made again."""
    announced = False
    while True:
        place.mkdir(mode=0o700, exist_ok=True)
        try:
            lock = open_regular(place / "lock", os.O_RDWR | os.O_CREAT)
        except FileNotFoundError:
            continue
        try:
            while not try_lock(lock, fcntl.LOCK_EX):
                if not announced:
                    report("waiting for another checkout of this repository")
                    announced = True
                still_wanted(report)
                time.sleep(_TURN)
            with suppress(FileNotFoundError):
                if os.path.samestat(os.fstat(lock), os.stat(place / "lock")):
                    return lock
        except BaseException:
            os.close(lock)
            raise
        os.close(lock)


def prune(cache: Cache, now: float) -> list[str]:
    """Remove outdated entries, then the least recently used ones until the rest fits; return the removed ones.

    An entry in use stays; so does the most recently used one.
    """
    places = sorted(_places(cache.directory / "git"), key=lambda found: found[0], reverse=True)
    total, removed = 0, []
    for number, (used, place) in enumerate(places):
        size = _size(place)
        total += size
        with suppress(OSError):  # of what cannot be removed another repository's checkout is no worse
            if (now - used > cache.age or (total > cache.size and number > 0)) and _remove(place):
                removed.append(place.name)
                total -= size
            elif total > cache.size and number == 0 and _remove(place, LFS):
                total = _size(place)
    return removed


def _places(top: Path) -> list[tuple[float, Path]]:
    """The time of the last use and the path of each place."""
    found = []
    with suppress(FileNotFoundError):
        for path in top.iterdir():
            with suppress(OSError):
                found.append((path.stat().st_mtime, path))
    return found


def _size(place: Path) -> int:
    """Estimate the bytes that an entry occupies from a few of its files: this is needed after every checkout."""
    files = [*_listed(place / "mirror/objects/pack"), *(tree / "tree" for tree in _listed(place / "trees"))]
    total = 0
    for file in files:
        with suppress(OSError):  # it may have gone since, or be broken
            total += file.stat().st_size
    for directory, _, names in os.walk(place / LFS / "objects"):
        with suppress(OSError):
            total += sum(os.lstat(os.path.join(directory, name)).st_size for name in names)
    return total


def _listed(directory: Path) -> list[Path]:
    try:
        return list(directory.iterdir())
    except OSError:
        return []


def _remove(place: Path, only: str | None = None) -> bool:
    """Remove an unused entry, or `only` one thing in it; its lock goes last but for the directory."""
    try:
        lock = open_regular(place / "lock", os.O_RDWR | os.O_CREAT)
    except OSError:
        return False
    try:
        if not try_lock(lock, fcntl.LOCK_EX):
            return False
        if only is not None:
            remove_tree(place / only)
            return True
        for path in place.iterdir():
            if path.name != "lock":
                remove_tree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
        (place / "lock").unlink()
        with suppress(OSError):
            place.rmdir()
    finally:
        os.close(lock)
    return True
