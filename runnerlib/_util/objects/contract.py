"""Contract of a store: objects under keys, whole or not at all."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple, Protocol

from runnerlib.errors import RunnerError

if TYPE_CHECKING:
    from collections.abc import Iterator

_KEY = re.compile(r"(?!\.)[\w.=+-]+(?:/(?!\.)[\w.=+-]+)*", re.ASCII)
_LONGEST = 1000


class StoreError(RunnerError):
    """A store cannot be reached, refuses, is full, or gives back something else than was put there."""


class Stored(NamedTuple):
    """An object: its key, its bytes, and when it was put there, in seconds since the epoch by the store's clock."""

    key: str
    size: int
    modified: float


class ObjectStore(Protocol):
    """A store. A key has letters, digits and `.=+-_` in parts between slashes, none of which begins with a dot."""

    shown: str
    """The address without credentials, for texts."""

    def put(self, key: str, data: bytes, *, new: bool = False) -> bool:
        """Store an object; with `new`, one that is there already is left as it is, and False returned.

        Raises StoreError.
        """
        ...

    def get(self, key: str) -> bytes | None:
        """Return an object, None where there is none. Raises StoreError."""
        ...

    def delete(self, key: str) -> None:
        """Remove an object, if it is there. Raises StoreError."""

    def entries(self, prefix: str = "") -> Iterator[Stored]:
        """Yield the objects whose keys begin with `prefix`, in the order of keys. Raises StoreError."""
        ...


def checked_key(key: str) -> str:
    """Return a key that every kind of store takes. Raises ValueError."""
    if len(key) > _LONGEST or not _KEY.fullmatch(key):
        raise ValueError(f"'{key}' is no key of a store")
    return key
