"""The bytes inside of a compressed file, as a stream that stays within limits."""

from __future__ import annotations

import bz2
import importlib
import lzma
import re
import zlib
from contextlib import suppress
from queue import Empty, SimpleQueue
from threading import Semaphore, Thread
from typing import IO, TYPE_CHECKING, Protocol

from runnerlib._util.threads import TURN
from runnerlib.errors import SourceError
from runnerlib.source.tarball.member import ArchiveError, is_bomb, only_zeros

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType

    from runnerlib.source.tarball.member import Limits

_MAGIC = {
    b"\x1f\x8b": "gz",
    b"BZh": "bz2",
    b"\xfd7zXZ\0": "xz",
    b"\x28\xb5\x2f\xfd": "zst",
    b"PK\3\4": "zip",
    b"PK\5\6": "zip",
    b"\x5d\0\0": "lzma",
}
_BLOCK = 1 << 18
_INPUT = 1 << 16
_AHEAD = 8  # blocks that are decompressed ahead
_MEMORY = 256 << 20  # bytes that a decompressor may take: a header of a few bytes can ask for gigabytes
_WINDOW = 1 << 27
_DAMAGED = (OSError, EOFError, zlib.error, lzma.LZMAError)


def kind_of(head: bytes) -> str:
    """Detect the format of a file from its first bytes: "gz", "bz2", "xz", "lzma", "zst", "zip", "tar" or ""."""
    if head[257:262] == b"ustar" or _looks_like_a_tar(head):
        return "tar"  # even where the name of its first file begins as a compressed file does
    return next((kind for magic, kind in _MAGIC.items() if head.startswith(magic)), "")


def _looks_like_a_tar(head: bytes) -> bool:
    """Return whether this is an old header without magic, by its checksum, or the end of an empty archive."""
    if len(head) < 512 or not any(head[:512]):
        return len(head) >= 512
    digits = head[148:156].strip(b" \0")
    total = sum(head[:148]) + 8 * 32 + sum(head[156:512])
    return digits.isdigit() and digits == f"{total:o}".encode().rjust(len(digits), b"0")


class _Stream(Protocol):
    def read(self, size: int, /) -> bytes: ...


class _Feed:
    """File that yields nothing more once it has `ended`, so that a reader in a thread finishes."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self.ended = False

    def read(self, size: int = -1, /) -> bytes:
        return b"" if self.ended else self._file.read(size)

    def tell(self) -> int:
        return self._file.tell()


class Unpacked:
    """Reader of the decompressed content of `file`, within the limits. To be closed.

    A thread decompresses ahead, without the GIL for the most part, while the caller writes files.
    """

    def __init__(self, file: IO[bytes], kind: str, limits: Limits, wanted: Callable[[], None] = lambda: None) -> None:
        """`wanted` raises when the run is cancelled; it is called while a read waits for data."""
        self._file = _Feed(file)
        self._limits = limits
        self._wanted = wanted
        self._stream = _OPENERS[kind](self._file)
        self._damaged: tuple[type[Exception], ...] = _DAMAGED
        if kind == "zst":
            self._damaged = (*_DAMAGED, _zstandard().ZstdError)
        self._block, self._at = b"", 0
        self._ahead: SimpleQueue[tuple[bytes, int] | Exception] = SimpleQueue()
        self._room = Semaphore(_AHEAD)
        self._closed = self._ended = False
        self._thread = Thread(target=self._read_ahead, name="runnerlib-unpack", daemon=True)
        self._thread.start()
        self.count = self._solid = 0

    @property
    def trailing(self) -> bool:
        """True if something else follows the compressed data."""
        return isinstance(self._stream, _Decoded) and self._stream.trailing

    def close(self) -> None:
        """End the thread; the file may be closed then."""
        self._closed = self._file.ended = True
        self._room.release()
        self._thread.join()

    def read(self, size: int) -> bytes:
        """Some bytes, `size` at most; none at the end. Raises `ArchiveError`."""
        at = self._at
        if at == len(self._block):
            self._next()
            at = 0
        found = self._block[at : at + size]
        self._at = at + len(found)
        return found

    def exactly(self, size: int) -> bytes:
        """Read exactly so many bytes. Raises `ArchiveError` when the archive ends before."""
        found = self.read(size)
        if len(found) == size:
            return found
        parts = [found]
        left = size - len(found)
        while left:
            found = self.read(left)
            if not found:
                raise ArchiveError("it ends in the middle: it is truncated")
            parts.append(found)
            left -= len(found)
        return b"".join(parts)

    def drain(self) -> None:
        """Read up to the end, where a compressed file has its checksum."""
        while self.read(_BLOCK):
            pass

    def _next(self) -> None:
        """Take the next block; the end stays the end."""
        if self._ended:
            return
        found = self._taken()
        self._room.release()
        if isinstance(found, self._damaged):
            raise ArchiveError(f"it is damaged: {_said(found)}") from None
        if isinstance(found, Exception):
            raise found
        self._block, read = found
        self._at = 0
        self._ended = not self._block
        self.count += len(self._block)
        if self.count > self._limits.size:
            raise ArchiveError(f"it unpacks to more than {self._limits.size} bytes (option max-size)")
        if not only_zeros(self._block):
            self._solid += len(self._block)
        if is_bomb(self._solid, read, self._limits):
            raise ArchiveError(f"it unpacks to more than {self._limits.ratio} times its size (option max-ratio)")

    def _taken(self) -> tuple[bytes, int] | Exception:
        """Return the thread's next block; checks for cancellation, as a long file can unpack to nothing."""
        while True:
            self._wanted()
            with suppress(Empty):
                return self._ahead.get(timeout=TURN)

    def _read_ahead(self) -> None:
        """In the thread: no more than the queue has room for, up to the end or the first error."""
        try:
            while True:
                self._room.acquire()
                if self._closed:
                    return
                block = self._stream.read(_BLOCK)
                self._ahead.put((block, self._file.tell()))
                if not block:
                    return
        except Exception as error:
            self._ahead.put(error)


def _said(error: Exception) -> str:
    text = "it ends too early" if isinstance(error, EOFError) else str(error)
    return re.sub(r"^error -\d+ while decompressing data: ", "", text.strip().rstrip(".").lower())


class _Decoder(Protocol):
    """As those of `bz2` and `lzma` are."""

    @property
    def eof(self) -> bool: ...

    @property
    def needs_input(self) -> bool: ...

    @property
    def unused_data(self) -> bytes: ...

    def decompress(self, data: bytes, max_length: int) -> bytes: ...


class _Inflate:
    """`zlib`'s decoder for gzip, with the methods of the others."""

    def __init__(self) -> None:
        self._decoder = zlib.decompressobj(wbits=31)

    @property
    def eof(self) -> bool:
        return self._decoder.eof

    @property
    def needs_input(self) -> bool:
        return not self._decoder.unconsumed_tail

    @property
    def unused_data(self) -> bytes:
        return self._decoder.unused_data

    def decompress(self, data: bytes, max_length: int) -> bytes:
        return self._decoder.decompress(self._decoder.unconsumed_tail + data, max_length)


class _Decoded:
    """One or more compressed streams. In large pieces: those of the library's own files take the GIL too often."""

    def __init__(self, file: _Feed, kind: str, new: Callable[[], _Decoder]) -> None:
        self._file = file
        self._magic = next(magic for magic, known in _MAGIC.items() if known == kind)
        self._new = new
        self.trailing = False
        self._decoder: _Decoder | None = new()
        self._rest = b""

    def read(self, size: int) -> bytes:
        """Some bytes, none at the end."""
        while self._decoder is not None:
            decoder = self._decoder
            if decoder.needs_input and not self._rest:
                self._rest = self._file.read(_INPUT)
            given, self._rest = self._rest, b""
            block = decoder.decompress(given, size)
            if decoder.eof:
                self._next(decoder.unused_data)
            elif not block and not given and decoder.needs_input:
                raise EOFError
            if block:
                return block
        return b""

    def _next(self, rest: bytes) -> None:
        """After the end of a stream comes padding, another stream, nothing, or something that is none of it."""
        rest = (rest or self._file.read(_INPUT)).lstrip(b"\0")
        while len(rest) < len(self._magic) and (block := self._file.read(_INPUT)):
            rest = (rest + block).lstrip(b"\0")
        another = rest.startswith(self._magic)
        self.trailing = bool(rest) and not another
        self._rest = rest
        self._decoder = self._new() if another else None


def _zstandard() -> ModuleType:
    try:
        return importlib.import_module("zstandard")
    except ImportError:
        raise SourceError("zst archives need the library zstandard: pip install 'runnerlib[zst]'") from None


def _zst(file: _Feed) -> _Stream:
    decoder = _zstandard().ZstdDecompressor(max_window_size=_WINDOW)
    stream: _Stream = decoder.stream_reader(file, read_across_frames=True, closefd=False)
    return stream


_OPENERS: dict[str, Callable[[_Feed], _Stream]] = {
    "tar": lambda file: file,
    "gz": lambda file: _Decoded(file, "gz", _Inflate),
    "bz2": lambda file: _Decoded(file, "bz2", bz2.BZ2Decompressor),
    "xz": lambda file: _Decoded(file, "xz", lambda: lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=_MEMORY)),
    "lzma": lambda file: _Decoded(file, "lzma", lambda: lzma.LZMADecompressor(lzma.FORMAT_ALONE, memlimit=_MEMORY)),
    "zst": _zst,
}
