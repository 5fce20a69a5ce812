"""Reads zip archives. The directory at their end is read by `zipfile`; nothing in it is believed."""

from __future__ import annotations

import calendar
import stat
import zipfile
import zlib
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING

from runnerlib.source.tarball.member import ArchiveError, Content, Member, is_bomb, only_zeros, shown

if TYPE_CHECKING:
    from collections.abc import Iterator

    from runnerlib.source.tarball.member import Limits

_CHUNK = 1 << 20
_LONGEST_LINK = 4096
_LONGEST_DIRECTORY = 64 << 20  # bytes; read into memory as a whole
_METHODS = {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2}
_UNIX = 3
_BACKSLASHED = {0, 6, 10, 14}  # DOS, OS/2 and Windows: some of their programs write `\\` for `/`
_RAW_NAMES = {_UNIX, 19}  # and macOS: names are bytes, of UTF-8 nowadays
_UTF8 = 0x800
_TIMES, _UNICODE_NAME = 0x5455, 0x7075
_ENCRYPTED = 0x1 | 0x40 | 0x2000
_DAMAGED = (zipfile.BadZipFile, NotImplementedError, RuntimeError, ValueError, OSError, EOFError, zlib.error)
_KINDS = {
    0: "file",
    stat.S_IFREG: "file",
    stat.S_IFDIR: "directory",
    stat.S_IFLNK: "symlink",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
    stat.S_IFIFO: "a fifo",
    stat.S_IFSOCK: "a socket",
}


def members(file: IO[bytes], limits: Limits) -> Iterator[Member]:
    """Yield every member, in order; raises `ArchiveError` where the archive is damaged or a member is hostile."""
    with _explained():
        archive = zipfile.ZipFile(_Bounded(file))
    with archive:
        _check(archive.infolist(), limits)
        ratio = _Ratio(limits)
        for info in archive.infolist():
            yield _member(archive, info, ratio)


class _Ratio:
    """Count of what has come out of an archive, zeros apart, against what it was stored in."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._size = self._stored = 0

    def begin(self, info: zipfile.ZipInfo) -> None:
        """Count the stored bytes of an entry."""
        self._stored += info.compress_size

    def count(self, block: bytes) -> None:
        """Count a block of content. Raises `ArchiveError` for a bomb."""
        self._size += 0 if only_zeros(block) else len(block)
        if is_bomb(self._size, self._stored, self._limits):
            raise ArchiveError(f"it unpacks to more than {self._limits.ratio} times its size (option max-ratio)")


class _Bounded:
    """A file from which no more is read at once than a directory may have."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self.seek, self.tell, self.seekable = file.seek, file.tell, file.seekable

    def read(self, size: int = -1) -> bytes:
        """Read, or refuse."""
        if size > _LONGEST_DIRECTORY:
            raise ArchiveError(f"its directory takes {size} bytes")
        return self._file.read(size if size >= 0 else _LONGEST_DIRECTORY)

    def close(self) -> None:
        """Leave it open: the caller has opened it."""


@contextmanager
def _explained() -> Iterator[None]:
    try:
        yield
    except ArchiveError:
        raise
    except _DAMAGED as error:
        text = str(error).strip().rstrip(".") or type(error).__name__
        raise ArchiveError(f"it is damaged: {text[:1].lower()}{text[1:]}") from None


def _name(info: zipfile.ZipInfo) -> str:
    """The name of an entry.

    `zipfile` decodes a name that is not marked as UTF-8 by code page 437, which Unix never writes. Info-ZIP adds the
    name in UTF-8 (0x7075) where the other is in the character set of a machine.
    """
    if info.flag_bits & _UTF8:
        return info.orig_filename
    raw = info.orig_filename.encode("cp437")
    for tag, field in _extra(info):
        if tag == _UNICODE_NAME and field[:1] == b"\x01" and field[1:5] == zlib.crc32(raw).to_bytes(4, "little"):
            return field[5:].decode("utf-8", "surrogateescape")
    return raw.decode("utf-8", "surrogateescape") if info.create_system in _RAW_NAMES else info.orig_filename


def _extra(info: zipfile.ZipInfo) -> Iterator[tuple[int, bytes]]:
    """Yield the extra fields of an entry."""
    extra = info.extra
    while len(extra) >= 4:
        tag, size = int.from_bytes(extra[:2], "little"), int.from_bytes(extra[2:4], "little")
        yield tag, extra[4 : 4 + size]
        extra = extra[4 + size :]


def _check(infos: list[zipfile.ZipInfo], limits: Limits) -> None:
    """Refuse faults that the central directory shows: encryption, bombs, files that share their bytes."""
    if len(infos) > limits.entries:
        raise ArchiveError(f"it has more than {limits.entries} entries (option max-files)")
    end = 0
    for info in sorted(infos, key=lambda info: info.header_offset):
        if info.flag_bits & _ENCRYPTED:
            raise ArchiveError(f"{shown(_name(info))} is encrypted")
        if info.compress_type not in _METHODS:
            raise ArchiveError(f"{shown(_name(info))} is compressed by an unknown method {info.compress_type}")
        if info.header_offset < end:
            raise ArchiveError(f"{shown(_name(info))} overlaps another member")
        end = info.header_offset + 30 + info.compress_size  # the shortest header there is


def _member(archive: zipfile.ZipFile, info: zipfile.ZipInfo, ratio: _Ratio) -> Member:
    unix = info.external_attr >> 16 if info.create_system == _UNIX else 0
    name = _name(info)
    if info.create_system in _BACKSLASHED and "/" not in name:
        name = name.replace("\\", "/")
    kind = "directory" if name.endswith("/") else _KINDS.get(stat.S_IFMT(unix), "of an unknown kind")
    mode = stat.S_IMODE(unix) or (0o755 if kind == "directory" else 0o644)
    link = ""
    if kind == "symlink":
        if info.file_size > _LONGEST_LINK:
            raise ArchiveError(f"{shown(name)} is a symbolic link to a text of {info.file_size} bytes")
        link = b"".join(block for _, block in _content(archive, info, ratio)).decode("utf-8", "surrogateescape")
    size = info.file_size if kind == "file" else 0
    return Member(name, kind, mode, _time(info), size, link, _content(archive, info, ratio))


def _content(archive: zipfile.ZipFile, info: zipfile.ZipInfo, ratio: _Ratio) -> Content:
    """The bytes; the last read compares their checksum."""
    at = 0
    ratio.begin(info)
    with _explained(), archive.open(info) as file:
        while block := file.read(_CHUNK):
            ratio.count(block)
            yield at, block
            at += len(block)
    if at != info.file_size:
        raise ArchiveError(f"{shown(_name(info))} has {at} bytes instead of {info.file_size}")


def _time(info: zipfile.ZipInfo) -> int | None:
    """The time of an entry: from its UTC field, else its local time read as UTC."""
    for tag, field in _extra(info):
        if tag == _TIMES and len(field) >= 5 and field[0] & 1:
            return int.from_bytes(field[1:5], "little", signed=True) * 10**9
    year, month, day, *_ = info.date_time
    return calendar.timegm((*info.date_time, 0, 0, 0)) * 10**9 if year >= 1980 and 1 <= month <= 12 and day else None
