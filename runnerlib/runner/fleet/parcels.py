"""Parcels: what is too large for the engine, or made of files, on its way through the store.

Each is sealed with a key of its own, which travels in the envelope or in a frame: the store has random bytes under the
name of the run. A tree of files travels as one file, as the caches of sources are.
"""

from __future__ import annotations

import io
import os
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, NamedTuple

from runnerlib._util.objects.address import open_store
from runnerlib._util.objects.contract import StoreError
from runnerlib._util.objects.pieces import load_pieces, store_pieces
from runnerlib._util.safe_tree import remove_tree
from runnerlib.runner.fleet.seal import JobCipher, SealError
from runnerlib.source.treefile import pack, seal, unpack

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from runnerlib._util.objects.pieces import Piece

_KEY = 32


class Parcel(NamedTuple):
    """The pieces of something in the store, and the key that opens them."""

    key: bytes
    pieces: tuple[Piece, ...]


class Parcels:
    """Parcels of one job or run, below `prefix` in the store."""

    def __init__(
        self, address: str, prefix: str, directory: Path, environ: Mapping[str, str], check: Callable[[], None]
    ) -> None:
        """`directory` is for files on their way; `check` raises when that is to end. Raises ConfigError."""
        self._store = open_store(address, environ, check)
        self._prefix = prefix
        self._directory = directory
        self._check = check

    def send(self, data: bytes) -> Parcel:
        """Store bytes. Raises StoreError."""
        return self._send(io.BytesIO(data))

    def received(self, parcel: Parcel) -> bytes:
        """Return the bytes of a parcel. Raises StoreError."""
        return b"".join(self._parts(parcel))

    def send_tree(self, tree: Path) -> Parcel:
        """Store what is in a directory. Raises StoreError."""
        with self._aside() as aside:
            try:
                pack(tree, aside / "tree", wanted=self._check)
                with (aside / "tree").open("rb") as file:
                    return self._send(file)
            except OSError as error:
                raise StoreError(f"'{tree}' cannot be put into a parcel: {_said(error)}") from None

    def receive_tree(self, parcel: Parcel, tree: Path) -> None:
        """Replace a directory by what is in a parcel. Raises StoreError."""
        with self._aside() as aside:
            try:
                with (aside / "tree").open("xb") as file:
                    for part in self._parts(parcel):
                        file.write(part)
                (aside / "made").mkdir()
                unpack(aside / "tree", aside / "made", seal(aside / "tree"), self._check)
                if tree.exists():
                    remove_tree(tree)
                tree.parent.mkdir(parents=True, exist_ok=True)
                (aside / "made").rename(tree)
            except OSError as error:
                raise StoreError(f"a parcel cannot be unpacked to '{tree}': {_said(error)}") from None

    def reach(self) -> None:
        """Ask the store for something. Raises StoreError."""
        next(self._store.entries(f"{self._prefix}/"), None)

    def clear(self) -> None:
        """Remove all parcels below the prefix. Raises StoreError."""
        for one in list(self._store.entries(f"{self._prefix}/")):
            self._store.delete(one.key)

    def _send(self, file: IO[bytes]) -> Parcel:
        key = os.urandom(_KEY)
        cipher = JobCipher(key)
        prefix = f"{self._prefix}/{os.urandom(8).hex()}"
        return Parcel(key, store_pieces(self._store, prefix, file, lambda data, n: cipher.seal(data, f"piece {n}")))

    def _parts(self, parcel: Parcel) -> Iterator[bytes]:
        cipher = JobCipher(parcel.key)
        try:
            yield from load_pieces(self._store, parcel.pieces, lambda data, n: cipher.opened(data, f"piece {n}"))
        except SealError as error:
            raise StoreError(f"a parcel in store '{self._store.shown}' cannot be opened: {error}") from None

    @contextmanager
    def _aside(self) -> Iterator[Path]:
        """Make a directory for files on their way, which is gone at the end of the block."""
        self._directory.mkdir(parents=True, exist_ok=True)
        made = Path(tempfile.mkdtemp(prefix=".parcel-", dir=self._directory))
        try:
            yield made
        finally:
            remove_tree(made)


def _said(error: OSError) -> str:
    return (error.strerror or str(error)).lower()
