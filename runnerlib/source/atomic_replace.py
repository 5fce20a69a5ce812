"""Prepare into a temporary sibling of the target, then swap it in.

The sibling, called the holder, is `.runnerlib-<pid>-<start time>-<random>` of mode 0700 in the target's
parent. The new tree grows in `<holder>/new`; at the swap the previous one moves to `<holder>/old/<name>`,
so a killed run leaves either the old content in place or what is needed to put it back.

A target that cannot be renamed (a mount point, the current directory, a parent that we may not write) keeps
its inode: the holder stands inside it, and its entries are exchanged when the new tree is complete.
"""

from __future__ import annotations

import errno
import fcntl
import os
import re
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from runnerlib._util.files import try_lock
from runnerlib._util.proc import mounts, process_stat
from runnerlib._util.safe_tree import DIRECTORY, identity, locked_directory, remove_tree
from runnerlib.errors import SourceError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from runnerlib.source.spec import Report

_HOLDER = re.compile(r"\.runnerlib-(\d+)-(\d+)-[0-9a-f]{16}")
_UNMOVABLE = {errno.EBUSY, errno.EXDEV}


@contextmanager
def replacing(target: Path, report: Report) -> Iterator[Path]:
    """Yield the path of a tree to make; when the block ends without an exception it becomes `target`.

    On any exception, `KeyboardInterrupt` included, the target is as before and the sibling is gone.
    Raises `SourceError` for a target that is no directory, has a mount point inside, or holds what another user
    keeps us from removing. If removal fails later, that is reported: the new tree is in place by then.
    """
    target = target.parent.resolve() / target.name if target.name not in {"", ".."} else target.resolve()
    inside = _must_stay(target)
    survivors = not _sweep(target)
    holder = _make_holder(target, inside=inside)
    try:
        lock = os.open(holder, DIRECTORY)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield holder / "new"
            _swap(target, holder)
        finally:
            os.close(lock)
    except BaseException:
        with suppress(OSError):  # the first exception is the one to tell; the next run sweeps
            remove_tree(holder)
        raise
    try:
        remove_tree(holder)
    except OSError as error:
        why = f"'{error.filename}': {(error.strerror or str(error)).lower()}"
        report(f"what '{target}' held before is left in '{holder}' and cannot be removed: {why}")
    if survivors:  # a process of the killed run may have written while its directory was cleared
        _sweep(target)


def _must_stay(target: Path) -> bool:
    """Return whether `target` must keep its inode; refuse a target that cannot be replaced at all."""
    if target.is_symlink() or (target.exists() and not target.is_dir()):
        kind = "a symbolic link" if target.is_symlink() else "no directory"
        raise SourceError(f"source target '{target}' is {kind}")
    mounted = mount_points()
    inner = mount_inside(target, mounted)
    if inner is not None:
        raise SourceError(f"source target '{target}' has a mount point inside: '{inner}'")
    if not target.is_dir():
        return False
    return target in mounted or identity(target) == identity(".") or not os.access(target.parent, os.W_OK)


def mount_points() -> list[Path]:
    """Return every mount point that this process sees; none where there is no /proc."""
    return [Path(mount.point) for mount in mounts()]


def mount_inside(directory: Path, mounted: Iterable[Path]) -> Path | None:
    """The first of the mount points that lies somewhere below a resolved directory."""
    return next((mount for mount in mounted if directory in mount.parents), None)


def _make_holder(target: Path, *, inside: bool) -> Path:
    """Make an empty directory beside the target, or in it, that only we may enter."""
    name = f".runnerlib-{os.getpid()}-{_start_time(os.getpid())}-{os.urandom(8).hex()}"
    parent = target if inside else target.parent
    parent.mkdir(parents=True, exist_ok=True)
    holder = parent / name
    holder.mkdir(mode=0o700)
    return holder


def _start_time(pid: int) -> int:
    """Return when a process started, in clock ticks since boot; -1 when there is none, or it is not shown.

    A dead one that was not collected counts: what it has left waits until its parent, a runner perhaps, looks at it.
    """
    try:
        found = process_stat(pid)
    except OSError:
        return -1
    return -1 if found is None else found.started


def _sweep(target: Path) -> bool:
    """Remove the staging directories that killed runs left beside `target` or in it, and restore the trees in them.

    Returns whether all of them are gone; what cannot be removed does not stop this run.
    """
    clean = True
    for directory in (target.parent, target):
        if not directory.is_dir():
            continue
        for holder in [entry for entry in directory.iterdir() if _is_abandoned(entry)]:
            try:
                if directory == target.parent:
                    _give_back(holder)
                remove_tree(holder)
            except OSError:
                clean = False
    return clean


def is_holder(name: str) -> bool:
    """Return whether an entry of this name is the staging directory of a preparation, not content."""
    return _HOLDER.fullmatch(name) is not None


def living_holders(directory: Path) -> list[Path]:
    """Return the staging directories in a directory whose preparation is still running."""
    return [entry for entry in directory.iterdir() if is_holder(entry.name) and not _is_abandoned(entry)]


def _is_abandoned(entry: Path) -> bool:
    """Tell whether `entry` is a holder whose process is dead.

    A process of another pid namespace, two containers on one volume, looks dead from here but still
    holds its lock.
    """
    found = _HOLDER.fullmatch(entry.name)
    if found is None or entry.is_symlink() or _start_time(int(found[1])) == int(found[2]):
        return False
    try:
        lock = os.open(entry, DIRECTORY)
    except OSError:
        return False
    try:
        return try_lock(lock)
    finally:
        os.close(lock)


def _give_back(holder: Path) -> None:
    """Undo half of a swap: move a previous tree back if its place is still empty."""
    aside = holder / "old"
    for previous in aside.iterdir() if aside.is_dir() and not aside.is_symlink() else ():
        place = holder.parent / previous.name
        if not place.exists() and not place.is_symlink():
            _move(previous, place)


def _swap(target: Path, holder: Path) -> None:
    """Put `<holder>/new` in the place of `target`, or raise and leave the target as it was."""
    new, aside = holder / "new", holder / "old"
    locked = locked_directory(target) if target.exists() else None
    if locked is not None:
        whose = f"'{target / locked}' belongs to another user and cannot be removed"
        raise SourceError(f"'{target}' cannot be replaced: {whose}")
    aside.mkdir(mode=0o700)
    if holder.parent == target:
        _exchange_entries(target, new, aside)
        return
    old = aside / target.name
    try:
        if target.exists():
            _move(target, old)
        _move(new, target)
    except OSError as error:
        _undo(target, old, new)
        if error.errno not in _UNMOVABLE or not target.exists():
            raise
        _exchange_inside(target, holder)
    except BaseException:
        _undo(target, old, new)
        raise


def _undo(target: Path, old: Path, new: Path) -> None:
    """Put the previous tree back, whichever of the two moves had been made."""
    if not new.exists():
        _move(target, new)
    if old.exists():
        _move(old, target)


def _exchange_inside(target: Path, holder: Path) -> None:
    """Exchange the entries of a target that turned out not to be movable (a lower layer of an overlay).

    What is set aside goes into the target itself; were that another file system, this first move fails
    and nothing has been touched.
    """
    aside = target / holder.name
    (holder / "old").rename(aside)
    try:
        _exchange_entries(target, holder / "new", aside)
    except BaseException:
        with suppress(OSError):
            aside.rmdir()  # not remove_tree: if putting back failed too, the content is in there
        raise
    remove_tree(aside)


def _exchange_entries(target: Path, new: Path, aside: Path) -> None:
    """Replace the entries of `target` by those of `new`; the target keeps its own inode and mode.

    Entries that cannot be moved aside are removed; all the others come back if the exchange fails.
    """
    moved: list[tuple[Path, Path]] = []
    try:
        for directory, to in ((target, aside), (new, target)):
            for entry in sorted(directory.iterdir()):
                if not (directory == target and is_holder(entry.name)):
                    moved.append((entry, to / entry.name))
                    _move_or_remove(entry, to / entry.name, may_remove=directory == target)
    except BaseException:
        for entry, place in reversed(moved):
            if not os.path.lexists(entry) and os.path.lexists(place):
                _move(place, entry)
        raise


def _move_or_remove(entry: Path, place: Path, *, may_remove: bool) -> None:
    """Move `entry` to `place`; remove it instead where the kernel cannot move it and it `may_remove`."""
    try:
        _move(entry, place)
    except OSError as error:
        if error.errno not in _UNMOVABLE or not may_remove:
            raise
        remove_tree(entry)


def _move(entry: Path, place: Path) -> None:
    """Rename; a directory that its owner may not write is made writable for the moment of the move."""
    try:
        entry.rename(place)
    except PermissionError:
        if entry.is_symlink() or not entry.is_dir():
            raise
        mode = entry.stat().st_mode & 0o7777
        entry.chmod(mode | 0o700)
        try:
            entry.rename(place)
        except BaseException:
            entry.chmod(mode)
            raise
        place.chmod(mode)
