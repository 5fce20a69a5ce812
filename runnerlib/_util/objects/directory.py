"""Directory that several machines see, as a store: a file for each object, which gets its name when it is whole."""

from __future__ import annotations

import errno
import os
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from runnerlib._util.files import explain, open_regular, write_whole
from runnerlib._util.objects.contract import Stored, StoreError, checked_key

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_MODE = 0o666  # less what the umask takes: workers may be different users


class DirectoryStore:
    """The objects below a directory, which is made when the first one comes."""

    def __init__(self, directory: str, check: Callable[[], object] = lambda: None) -> None:
        self.shown = directory
        self._top = Path(directory)
        self._check = check

    def put(self, key: str, data: bytes, *, new: bool = False) -> bool:
        """Store an object, on the disk when this returns."""
        path = self._at(key)
        try:
            while True:
                path.parent.mkdir(parents=True, exist_ok=True)
                with suppress(FileNotFoundError):  # the last object beside it was deleted in this moment
                    return _put(path, data, new=new)
        except OSError as error:
            raise self._failed(error) from None

    def get(self, key: str) -> bytes | None:
        """Return an object."""
        path = self._at(key)
        try:
            with open(open_regular(path), "rb") as file:
                return file.read()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise self._failed(error) from None

    def delete(self, key: str) -> None:
        """Remove an object, and the directories that are empty then."""
        path = self._at(key)
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            raise self._failed(error) from None
        for above in path.relative_to(self._top).parents[:-1]:
            try:
                (self._top / above).rmdir()
            except OSError:  # another object is in it, or comes in this moment
                return

    def entries(self, prefix: str = "") -> Iterator[Stored]:
        """Yield objects."""
        try:
            yield from self._below(self._top, "", prefix)
        except OSError as error:
            raise self._failed(error) from None

    def _below(self, directory: Path, name: str, prefix: str) -> Iterator[Stored]:
        self._check()
        try:
            # As keys are ordered: `a.b` comes before `a/b`.
            found = sorted(os.scandir(directory), key=lambda one: one.name + "/" * one.is_dir(follow_symlinks=False))
        except FileNotFoundError:
            return
        for one in found:
            key = f"{name}{one.name}"
            if one.name.startswith("."):  # what is not whole yet
                continue
            if one.is_dir(follow_symlinks=False):
                if prefix.startswith(f"{key}/") or f"{key}/".startswith(prefix):
                    yield from self._below(directory / one.name, f"{key}/", prefix)
            elif key.startswith(prefix):
                try:
                    status = one.stat(follow_symlinks=False)
                except FileNotFoundError:
                    continue
                yield Stored(key, status.st_size, status.st_mtime)

    def _at(self, key: str) -> Path:
        self._check()
        return self._top / checked_key(key)

    def _failed(self, error: OSError) -> StoreError:
        if error.errno in _FULL:
            return StoreError(f"store '{self.shown}' is full")
        return StoreError(f"store '{self.shown}' cannot be used: {explain(error).lower()}")


def _put(path: Path, data: bytes, *, new: bool) -> bool:
    """Write a file; with `new`, return False where there is one. Raises OSError."""
    if not new:
        write_whole(path, data, _MODE, durable=True)
        return True
    if path.exists():
        return False
    aside = path.with_name(f".{os.urandom(8).hex()}")
    write_whole(aside, data, _MODE, durable=True)
    try:
        os.link(aside, path)
    except FileExistsError:
        return False
    finally:
        aside.unlink(missing_ok=True)
    return True
