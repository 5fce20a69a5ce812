"""Engines that are measured: our masker, copying as the yardstick, and what every engine has to offer."""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from importlib.util import find_spec
from time import perf_counter
from typing import TYPE_CHECKING, ClassVar

from benchmarks.workload import CHUNK

if TYPE_CHECKING:
    from collections.abc import Iterator

    from benchmarks.secretset import SecretSet
    from benchmarks.workload import Text


Piece = bytes | memoryview


class Engine(ABC):
    """A way to mask a text.

    `union` tells whether its output is by definition ours: each maximal run of bytes that are covered by
    occurrences replaced by one marker, in whatever pieces the text came.
    """

    name: ClassVar[str]
    module: ClassVar[str]
    union: ClassVar[bool]

    @abstractmethod
    def __init__(self, secrets: SecretSet) -> None:
        """Compile a set of secrets."""

    @abstractmethod
    def masked(self, text: Text) -> Iterator[Piece]:
        """Yield the masked text; a piece is valid until the next one is asked for."""


class Runnerlib(Engine):
    """Our masker, fed with `bytes`: an unchanged piece is handed back, not copied."""

    name = "runnerlib"
    module = "runnerlib"
    union = True

    def __init__(self, secrets: SecretSet) -> None:
        self._masker = secrets.plain_masker()

    def masked(self, text: Text) -> Iterator[bytes]:
        stream = self._masker.stream()
        for chunk in text.chunks:
            yield stream.feed(chunk)
        yield stream.flush()


class RunnerlibWritten(Runnerlib):
    """Our masker, fed with other buffers: every byte of the output is written anew."""

    name = "runnerlib written"

    def masked(self, text: Text) -> Iterator[bytes]:
        stream = self._masker.stream()
        for chunk in text.chunks:
            yield stream.feed(memoryview(chunk))
        yield stream.flush()


class RunnerlibFolded(Runnerlib):
    """Our masker as it works by default: secrets that are interrupted or wrapped are found too, which is more work."""

    name = "runnerlib folded"
    union = False

    def __init__(self, secrets: SecretSet) -> None:
        self._masker = secrets.masker()


class Memcpy:
    """Copies the whole text from memory to memory, and masks nothing."""

    name = "memcpy"

    def __init__(self, size: int) -> None:
        self._target = memoryview(bytearray(size))

    def masked(self, text: Text) -> Iterator[memoryview]:
        self._target[: len(text.whole)] = text.whole
        yield self._target[: len(text.whole)]


class MemcpyChunks:
    """Copies each piece into the same 64 KiB, as a program that streams does, and masks nothing."""

    name = "memcpy chunks"

    def __init__(self) -> None:
        self._target = memoryview(bytearray(CHUNK))

    def masked(self, text: Text) -> Iterator[memoryview]:
        for chunk in text.chunks:
            self._target[: len(chunk)] = chunk
            yield self._target[: len(chunk)]


Measured = Engine | Memcpy | MemcpyChunks


def missing(engine: type[Engine]) -> str:
    """Return the reason why an engine cannot be measured here, or ''."""
    return "" if find_spec(engine.module) else f"{engine.module} is not installed"


def length(engine: Measured, text: Text) -> int:
    """Mask a text and drop the output, as a reader of a pipe does that only counts."""
    return sum(map(len, engine.masked(text)))


def digest(engine: Measured, text: Text) -> str:
    """Mask a text; a digest of the output."""
    state = hashlib.blake2b(digest_size=16)
    for piece in engine.masked(text):
        state.update(piece)
    return state.hexdigest()


def seconds(engine: Measured, text: Text) -> float:
    """Measure the seconds that masking a text takes."""
    start = perf_counter()
    length(engine, text)
    return perf_counter() - start


def fitting(engine: Measured, text: Text, limit: float) -> Text:
    """The beginning of a text that an engine masks in about `limit` seconds; all of it, if it can.

    Some engines are ten thousand times slower than others: on the same text, either the one would be
    finished before the clock ticks, or the other would take hours.
    """
    size = 4096
    while size < len(text.whole):
        piece = text.prefix(size)
        if seconds(engine, piece) * 4 > limit:
            return piece
        size *= 4
    return text
