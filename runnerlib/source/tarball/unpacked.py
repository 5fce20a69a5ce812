"""The bytes inside of a compressed file, as a stream that stays within limits."""

from __future__ import annotations

import bz2
import gzip
import importlib
import lzma
import zlib
from typing import IO, TYPE_CHECKING, Protocol

from runnerlib.errors import SourceError
from runnerlib.source.tarball.member import ArchiveError

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
}
_BLOCK = 1 << 20
_MEMORY = 256 << 20  # bytes that a decompressor may take: a header of a few bytes can ask for gigabytes
_WINDOW = 1 << 27
_UNSUSPICIOUS = 64 << 20  # no ratio makes this little a bomb
_DAMAGED = (OSError, EOFError, zlib.error, lzma.LZMAError)


def kind_of(head: bytes) -> str:
    """What the first bytes of a file say that it is: "gz", "bz2", "xz", "zst", "zip", "tar" or ""."""
    found = next((kind for magic, kind in _MAGIC.items() if head.startswith(magic)), "")
    return found or ("tar" if head[257:262] == b"ustar" or _looks_like_a_tar(head) else "")


def _looks_like_a_tar(head: bytes) -> bool:
    """Tell whether this is a header from before there was a magic, by its checksum, or the end of an empty archive."""
    if len(head) < 512 or not any(head[:512]):
        return len(head) >= 512
    digits = head[148:156].strip(b" \0")
    total = sum(head[:148]) + 8 * 32 + sum(head[156:512])
    return digits.isdigit() and digits == f"{total:o}".encode().rjust(len(digits), b"0")


class _Stream(Protocol):
    def read(self, size: int, /) -> bytes: ...


class Unpacked:
    """Reads what `file` decompresses to, and refuses to go on beyond the limits."""

    def __init__(self, file: IO[bytes], kind: str, limits: Limits) -> None:
        self._file = file
        self._limits = limits
        self._stream = _OPENERS[kind](file)
        self._damaged: tuple[type[Exception], ...] = _DAMAGED
        if kind == "zst":
            self._damaged = (*_DAMAGED, _zstandard().ZstdError)
        self.count = 0

    def read(self, size: int) -> bytes:
        """Some bytes, `size` at most; none at the end. Raises `ArchiveError`."""
        try:
            block: bytes = self._stream.read(min(size, _BLOCK))
        except self._damaged as error:
            raise ArchiveError(f"it is damaged: {_said(error)}") from None
        self.count += len(block)
        if self.count > self._limits.size:
            raise ArchiveError(f"it unpacks to more than {self._limits.size} bytes (option max-size)")
        if self.count > max(_UNSUSPICIOUS, self._limits.ratio * self._file.tell()):
            raise ArchiveError(f"it unpacks to more than {self._limits.ratio} times its size (option max-ratio)")
        return block

    def exactly(self, size: int) -> bytes:
        """So many bytes. Raises `ArchiveError` when the archive ends before."""
        found = b""
        while len(found) < size:
            block = self.read(size - len(found))
            if not block:
                raise ArchiveError("it ends in the middle: it is truncated")
            found += block
        return found

    def drain(self) -> None:
        """Read up to the end, where a compressed file has its checksum."""
        while self.read(_BLOCK):
            pass


def _said(error: Exception) -> str:
    text = "it ends too early" if isinstance(error, EOFError) else str(error)
    return text.strip().rstrip(".").lower()


class _Xz:
    """One or more xz streams, with a limit to the memory that they may ask for."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._decoder: lzma.LZMADecompressor | None = lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=_MEMORY)
        self._rest = b""

    def read(self, size: int) -> bytes:
        """Some bytes, none at the end."""
        while self._decoder is not None:
            decoder = self._decoder
            if decoder.needs_input and not self._rest:
                self._rest = self._file.read(1 << 16)
                if not self._rest:
                    raise EOFError
            block = decoder.decompress(self._rest, size)
            self._rest = b""
            if decoder.eof:
                self._next(decoder.unused_data)
            if block:
                return block
        return b""

    def _next(self, rest: bytes) -> None:
        """After the end of a stream comes padding, another stream, or nothing."""
        rest = (rest or self._file.read(1 << 16)).lstrip(b"\0")
        while not rest and (block := self._file.read(1 << 16)):
            rest = block.lstrip(b"\0")
        self._rest = rest
        self._decoder = lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=_MEMORY) if rest else None


def _zstandard() -> ModuleType:
    try:
        return importlib.import_module("zstandard")
    except ImportError:
        raise SourceError("zst archives need the library zstandard: pip install 'runnerlib[zst]'") from None


def _zst(file: IO[bytes]) -> _Stream:
    decoder = _zstandard().ZstdDecompressor(max_window_size=_WINDOW)
    stream: _Stream = decoder.stream_reader(file, read_across_frames=True, closefd=False)
    return stream


_OPENERS: dict[str, Callable[[IO[bytes]], _Stream]] = {
    "tar": lambda file: file,
    "gz": lambda file: gzip.GzipFile(fileobj=file, mode="rb"),
    "bz2": lambda file: bz2.BZ2File(file, "rb"),
    "xz": _Xz,
    "zst": _zst,
}
