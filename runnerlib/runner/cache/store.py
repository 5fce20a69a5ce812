"""The store of one machine: entries that are there whole or not at all, whatever is killed, and are bounded in size.

`<cache>/files/<shelf>/<entry>/` holds `meta`, `lock` and the files that `meta` lists. A shelf has the entries that one
scope of trust may see. A new entry is made aside and gets its name by a rename, so the first of several that make
it counts; one that is removed loses its name first. The lock is held by those that read an entry, or make one aside:
the kernel ends it with its process, so that what a killed one has left can be told and removed.
"""

from __future__ import annotations

import fcntl
import json
import os
import time
from contextlib import contextmanager, suppress
from hashlib import blake2b
from typing import TYPE_CHECKING, Any, NamedTuple

from runnerlib._util.files import open_regular, read_regular, try_lock, write_whole
from runnerlib._util.safe_tree import remove_tree

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_LARGEST_META = 1 << 24


class Entry(NamedTuple):
    """An entry that is held: its directory, and what `meta` says of it."""

    place: Path
    meta: dict[str, Any]


class Draft(NamedTuple):
    """An entry that is being made: its directory, where files and `meta` are put before it gets its name."""

    place: Path
    meta: dict[str, Any]

    def size(self) -> int:
        """Return the bytes of its files."""
        return sum(path.stat().st_size for path in self.place.iterdir() if path.is_file())


class Store:
    """The entries below a directory; at most `size` bytes of them, unused for at most `age` seconds."""

    def __init__(self, directory: Path, size: int, age: float) -> None:
        self._top = directory / "files"
        self._size = size
        self._age = age

    @property
    def size(self) -> int:
        """The most bytes of all entries."""
        return self._size

    def why_not(self) -> str | None:
        """Make the store if it is not there; why it cannot be used, None when it can."""
        try:
            self._top.mkdir(mode=0o700, parents=True, exist_ok=True)
            status = self._top.stat()
        except OSError as error:
            return f"'{self._top}': {(error.strerror or str(error)).lower()}"
        if status.st_uid != os.geteuid() or status.st_mode & 0o022:
            return f"'{self._top}' belongs to another user, or others can write to it"
        return None if os.access(self._top, os.W_OK) else f"'{self._top}' cannot be written"

    @contextmanager
    def held(self, shelf: str, key: str) -> Iterator[Entry | None]:
        """Hold the entry `key` of a shelf, None when there is none; nobody removes it meanwhile."""
        place = self._top / shelf / name_of(key)
        lock = _opened_lock(place)
        try:
            if lock is None or not try_lock(lock, fcntl.LOCK_SH) or not _is_there(lock, place):
                yield None
                return
            meta = _meta(place)
            if meta is not None:
                with suppress(OSError):
                    os.utime(place)  # the last use, by which entries are removed
            yield None if meta is None else Entry(place, meta)
        finally:
            if lock is not None:
                os.close(lock)

    def newest(self, shelf: str, prefix: str) -> str | None:
        """Return the key of the entry that was made last of those whose keys begin with `prefix`."""
        found = []
        for place in _listed(self._top / shelf):
            meta = None if place.name.startswith(".") else _meta(place)
            if meta is not None and meta["key"].startswith(prefix):
                found.append((meta["made"], meta["key"]))
        return max(found)[1] if found else None

    @contextmanager
    def making(self, shelf: str, key: str) -> Iterator[Draft]:
        """Make the entry `key` of a shelf: it is there when the block has ended, or as it was when that fails.

        Raises OSError.
        """
        aside = self._top / shelf / f".{os.urandom(8).hex()}"
        while not aside.is_dir():
            (self._top / shelf).mkdir(mode=0o700, exist_ok=True)
            with suppress(FileNotFoundError):  # the shelf was empty, and was removed in this moment
                aside.mkdir(mode=0o700)
        lock = open_regular(aside / "lock", os.O_RDWR | os.O_CREAT | os.O_EXCL)
        try:
            try_lock(lock, fcntl.LOCK_SH)
            draft = Draft(aside, {})
            yield draft
            draft.meta.update(key=key, made=time.time_ns(), size=draft.size())
            write_whole(aside / "meta", json.dumps(draft.meta).encode(), durable=True)
            _rename(aside, self._top / shelf / name_of(key))
        finally:
            os.close(lock)
            remove_tree(aside)

    def discard(self, entry: Entry) -> None:
        """Remove an entry that is damaged, though others may hold it."""
        _remove(entry.place)

    def prune(self) -> int:
        """Remove what is too old, what does not fit, and what killed processes have left; return how many entries.

        The entry that was used last stays, and those that are held.
        """
        found: list[tuple[float, Path]] = []
        for shelf in _listed(self._top):
            for place in _listed(shelf):
                with suppress(OSError):
                    if place.name.startswith("."):
                        _forget(place)
                    else:
                        found.append((place.stat().st_mtime, place))
            with suppress(OSError):
                shelf.rmdir()  # if it is empty
        total, removed, now = 0, 0, time.time()
        for number, (used, place) in enumerate(sorted(found, reverse=True)):
            meta = _meta(place)
            size = meta["size"] if meta else 0
            total += size
            if (meta is None or now - used > self._age or (total > self._size and number)) and _forget(place):
                total -= size
                removed += 1
        return removed


def name_of(text: str) -> str:
    """Return a name of a file for any text."""
    return blake2b(text.encode("utf-8", "surrogateescape"), digest_size=16).hexdigest()


def _opened_lock(place: Path) -> int | None:
    try:
        return open_regular(place / "lock", os.O_RDWR)
    except OSError:
        return None


def _is_there(lock: int, place: Path) -> bool:
    """Return whether a lock is still that of the entry at a place."""
    try:
        return os.path.samestat(os.fstat(lock), os.stat(place / "lock"))
    except OSError:
        return False


def _meta(place: Path) -> dict[str, Any] | None:
    """Return what an entry says of itself; None for what is no entry."""
    try:
        meta = json.loads(read_regular(place / "meta", _LARGEST_META))
        return meta if isinstance(meta["key"], str) and meta["made"] + meta["size"] > 0 else None
    except (OSError, ValueError, TypeError, KeyError):
        return None


def _rename(aside: Path, place: Path) -> None:
    """Give an entry its name, unless another process was faster."""
    try:
        aside.rename(place)
    except OSError:
        if not place.is_dir():
            raise


def _forget(place: Path) -> bool:
    """Remove an entry, or what is left of one, unless somebody holds it; return whether it was removed."""
    lock = _opened_lock(place)
    try:
        if lock is not None and not try_lock(lock, fcntl.LOCK_EX):
            return False
        if lock is None and place.stat().st_mtime > time.time() - 60:  # its maker has not come to its lock yet
            return False
        _remove(place)
    except FileNotFoundError:  # another process was faster
        return True
    finally:
        if lock is not None:
            os.close(lock)
    return True


def _remove(place: Path) -> None:
    """Remove a directory, of which nobody sees a part."""
    dying = place.with_name(f".{os.urandom(8).hex()}")
    with suppress(OSError):
        place.rename(dying)
        remove_tree(dying)


def _listed(directory: Path) -> list[Path]:
    try:
        return list(directory.iterdir())
    except OSError:
        return []
