"""Random choices that are the same for a seed on every version of Python."""

from __future__ import annotations

import hashlib
from random import Random
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Sequence

T = TypeVar("T")


class Draw:
    """Draws from a seeded generator.

    Of `random.Random` only `random()` is promised to keep its sequence, so everything is made of that;
    long strings of noise are hashes, which is fast as well.
    """

    def __init__(self, seed: str) -> None:
        """Start the sequence that belongs to `seed`."""
        self._random = Random(seed).random
        self._seed = seed
        self._hashes = 0

    def below(self, limit: int) -> int:
        """A number from 0 to limit - 1."""
        return int(self._random() * limit)

    def between(self, low: int, high: int) -> int:
        """A number from low to high, both included."""
        return low + self.below(high - low + 1)

    def pick(self, choices: Sequence[T]) -> T:
        """One of the choices."""
        return choices[self.below(len(choices))]

    def string(self, alphabet: str, length: int) -> str:
        """Letters of an alphabet."""
        return "".join([self.pick(alphabet) for _ in range(length)])

    def noise(self, length: int) -> bytes:
        """Bytes of any value."""
        self._hashes += 1
        return hashlib.shake_128(f"{self._seed} {self._hashes}".encode()).digest(length)
