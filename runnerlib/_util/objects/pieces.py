"""Pieces of something larger than one object: bounded memory on both sides, and a digest for each piece."""

from __future__ import annotations

import hashlib
from typing import IO, TYPE_CHECKING, NamedTuple

from runnerlib._util.objects.contract import StoreError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from runnerlib._util.objects.contract import ObjectStore

SIZE = 16 << 20
"""The bytes of a piece; the last one may have fewer."""


class Piece(NamedTuple):
    """An object with a part of something, and the SHA-256 of what is stored there, in hexadecimal digits."""

    key: str
    digest: str


def _as_it_is(data: bytes, _number: int) -> bytes:
    return data


def store_pieces(
    store: ObjectStore, prefix: str, file: IO[bytes], change: Callable[[bytes, int], bytes] = _as_it_is
) -> tuple[Piece, ...]:
    """Store what is left in a file below `prefix`, and return its pieces; `change` may seal each, by its number.

    Raises StoreError, after which what was stored already is removed, and OSError.
    """
    made: list[Piece] = []
    try:
        while data := file.read(SIZE):
            stored = change(data, len(made))
            made.append(Piece(f"{prefix}/{len(made):06}", hashlib.sha256(stored).hexdigest()))
            store.put(made[-1].key, stored)
    except BaseException:
        remove_pieces(store, made)
        raise
    return tuple(made)


def load_pieces(
    store: ObjectStore, pieces: Sequence[Piece], change: Callable[[bytes, int], bytes] = _as_it_is
) -> Iterator[bytes]:
    """Yield the content of pieces, one after the other; `change` undoes what it was stored with. Raises StoreError."""
    for number, piece in enumerate(pieces):
        stored = store.get(piece.key)
        if stored is None:
            raise StoreError(f"store '{store.shown}' has no '{piece.key}'")
        if (found := hashlib.sha256(stored).hexdigest()) != piece.digest:
            text = f"store '{store.shown}' gives another '{piece.key}' than was put there"
            raise StoreError(f"{text}: sha256 {found[:16]}… instead of {piece.digest[:16]}…")
        yield change(stored, number)


def remove_pieces(store: ObjectStore, pieces: Sequence[Piece]) -> None:
    """Remove pieces as far as the store lets; what is left is harmless."""
    try:
        for piece in pieces:
            store.delete(piece.key)
    except StoreError:
        return
