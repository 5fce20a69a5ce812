"""Reads tar archives, believing nothing: V7, ustar, pax and GNU, with long names and sparse files.

The parser of `tarfile` is not used, because it is itself a target: headers of any length are read into memory,
one with a negative size is read for ever (CVE-2025-8194), one of many digits takes quadratic time
(CVE-2024-6232), and which of that is mended depends on the Python that is there. This one reads forward only,
in blocks, and bounds what it keeps. Source: POSIX.1-2017 pax, the GNU tar manual, "Basic Tar Format".
"""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, NamedTuple
from zlib import adler32

from runnerlib.source.tarball.member import ArchiveError, Content, Member, shown

if TYPE_CHECKING:
    from collections.abc import Iterator

    from runnerlib.source.tarball.unpacked import Unpacked

_BLOCK = 512
_CHUNK = 1 << 20
_SMALL = 1 << 18  # bytes
_LONGEST_HEADER = 1 << 20  # bytes of names and attributes of one member
_MOST_RECORDS = 1 << 14  # in one pax header; those of a map of holes in the oldest form are two for each segment
_MOST_SEGMENTS = 1 << 16  # of one sparse file
_KINDS = {b"1": "hardlink", b"2": "symlink", b"3": "a device", b"4": "a device", b"5": "directory", b"6": "a fifo"}
_FILES = (b"0", b"\0", b"7", b"S")
_NOT_FOR_ALL = ("path", "linkpath", "size")

Records = list[tuple[str, bytes]]
Segments = list[tuple[int, int]]


class _Header(NamedTuple):
    """One block of 512 bytes; `raw` has what only some formats have."""

    name: bytes
    mode: int
    size: int
    mtime: int
    kind: bytes
    link: bytes
    raw: bytes


def members(stream: Unpacked) -> Iterator[Member]:
    """Yield every member, in order; raises `ArchiveError` where the archive is damaged or ends too early."""
    everywhere: Records = []
    records: Records = []
    while (header := _header(stream)) is not None:
        if len(everywhere) + len(records) > _MOST_RECORDS or _size(everywhere) + _size(records) > _LONGEST_HEADER:
            raise ArchiveError("it has more headers before a member than any honest one")
        if header.kind in {b"x", b"X"}:
            records += _records(_extra(stream, header))
        elif header.kind == b"g":
            everywhere += [record for record in _records(_extra(stream, header)) if _allowed_for_all(record[0])]
        elif header.kind in {b"L", b"K"}:
            name = "path" if header.kind == b"L" else "linkpath"
            records.append((name, _extra(stream, header).rstrip(b"\0")))
        elif header.kind == b"V":
            continue  # the label of the volume
        else:
            member = _member(stream, header, everywhere + records)
            yield member
            for _ in member.content:
                pass  # skip the unread content
            records = []
    if records:
        raise ArchiveError("it is damaged: a name without a member")
    stream.drain()


def _size(records: Records) -> int:
    return sum(len(key) + len(value) for key, value in records)


def _allowed_for_all(key: str) -> bool:
    if key in _NOT_FOR_ALL or key.startswith("GNU.sparse."):
        raise ArchiveError(f"its global header sets '{key}' of every member")
    return True


def _header(stream: Unpacked) -> _Header | None:
    """The next header, None at the end of the archive."""
    raw = stream.exactly(_BLOCK)
    if not any(raw):
        return None
    stated = _octal(raw[148:156], "checksum")
    if stated != _sum(raw) and stated != _sum(raw) - _signed_less(raw):
        raise ArchiveError("it is damaged: the checksum of a header is wrong")
    name = _text(raw[:100])
    if raw[257:263] == b"ustar\0" and raw[345]:
        name = _text(raw[345:500]) + b"/" + name
    size = _number(raw[124:136], "size")
    if size < 0:
        raise ArchiveError("it is damaged: a negative size")
    mtime, mode = _number(raw[136:148], "time") * 10**9, _octal(raw[100:108], "mode")
    return _Header(name, mode, size, mtime, raw[156:157], _text(raw[157:257]), raw)


def _sum(raw: bytes) -> int:
    """The checksum of a header, in which the checksum field itself counts as spaces.

    The low half of an Adler checksum is one more than the sum of the bytes, as long as they are 256 at most.
    """
    total = (adler32(raw[:256]) & 0xFFFF) + (adler32(raw[256:]) & 0xFFFF) - 2
    return total - sum(raw[148:156]) + 8 * 32


def _signed_less(raw: bytes) -> int:
    """Return the difference to the checksum of old programs, which treated bytes as signed."""
    return 256 * sum(byte > 127 for byte in raw[:148] + raw[156:])


def _text(field: bytes) -> bytes:
    return field.partition(b"\0")[0]


def _octal(field: bytes, what: str) -> int:
    digits = field.strip(b" \0")
    if digits.translate(None, b"01234567"):
        raise ArchiveError(f"it is damaged: the {what} of a header is no number")
    return int(digits or b"0", 8)


def _number(field: bytes, what: str) -> int:
    """Octal digits or, with the first bit set, a binary number of two's complement."""
    if field[0] & 0x80:
        return int.from_bytes(bytes([field[0] & 0x7F | (field[0] & 0x40) << 1]) + field[1:], "big", signed=True)
    return _octal(field, what)


def _extra(stream: Unpacked, header: _Header) -> bytes:
    """The content of a header that has some."""
    if header.size > _LONGEST_HEADER:
        raise ArchiveError(f"it has a header of {header.size} bytes")
    content = stream.exactly(header.size)
    stream.exactly(-header.size % _BLOCK)
    return content


def _records(content: bytes) -> Records:
    """The records `LENGTH KEY=VALUE\\n` of a pax header."""
    found = []
    at = 0
    while at < len(content):
        space = content.find(b" ", at, at + 9)
        digits = content[at:space] if space > 0 else b""
        end = at + int(digits) if digits.isdigit() else 0
        key, equals, value = content[space + 1 : end - 1].partition(b"=")
        if not key or not equals or end > len(content) or content[end - 1 : end] != b"\n":
            raise ArchiveError("it is damaged: a pax header cannot be read")
        found.append((key.decode("utf-8", "surrogateescape"), value))
        at = end
        if len(found) > _MOST_RECORDS:
            raise ArchiveError(f"it has a pax header of more than {_MOST_RECORDS} records")
    return found


def _member(stream: Unpacked, header: _Header, records: Records) -> Member:
    """Build the member that a header and the records before it describe.

    Small files are read at once, others on demand.
    """
    facts = dict(records)
    name = _name(facts.get("GNU.sparse.name") or facts.get("path") or header.name)
    mtime = _time(facts["mtime"]) if "mtime" in facts else header.mtime
    if header.kind not in _FILES or (header.kind == b"\0" and name.endswith("/")):
        kind = "directory" if header.kind == b"\0" else _KINDS.get(header.kind, f"of an unknown kind {header.kind!r}")
        return Member(name, kind, header.mode, mtime, link=_name(facts.get("linkpath") or header.link))
    stored = _decimal(facts["size"]) if "size" in facts else header.size
    size, segments, data = _layout(stream, header, records, stored)
    if not _fits(segments, size, data):
        raise ArchiveError(f"{shown(name)} is damaged: its map of holes is wrong")
    padding = -stored % _BLOCK
    if data == size <= _SMALL:
        content = stream.exactly(size + padding)[:size]
        return Member(name, "file", header.mode, mtime, size, content=((0, content),) if size else ())
    return Member(name, "file", header.mode, mtime, size, content=_content(stream, segments, padding))


def _name(raw: bytes) -> str:
    return os.fsdecode(raw)


def _time(text: bytes) -> int:
    """Nanoseconds, from seconds with a fraction; Python's tarfile writes the smallest ones as `1e-09`."""
    if re.fullmatch(rb"\d(\.\d{1,20})?e-\d\d", text):
        return int(float(text) * 10**9)
    found = re.fullmatch(rb"(-?)(\d{1,18})(?:\.(\d{0,30}))?", text)
    if found is None:
        raise ArchiveError("it is damaged: a time is no number")
    nanoseconds = int(found[2]) * 10**9 + int((found[3] or b"").ljust(9, b"0")[:9])
    return -nanoseconds if found[1] else nanoseconds


def _decimal(text: bytes) -> int:
    if not text.isdigit() or len(text) > 19:
        raise ArchiveError("it is damaged: a size is no number")
    return int(text)


def _content(stream: Unpacked, segments: Segments, padding: int) -> Content:
    for start, length in segments:
        done = 0
        while done < length:
            block = stream.read(min(length - done, _CHUNK))
            if not block:
                raise ArchiveError("it ends in the middle: it is truncated")
            yield start + done, block
            done += len(block)
    stream.exactly(padding)


def _layout(stream: Unpacked, header: _Header, records: Records, stored: int) -> tuple[int, Segments, int]:
    """Return the length of the file, the segments of its data, and the number of data bytes still to come."""
    facts = dict(records)
    if header.kind == b"S":
        return _number(header.raw[483:495], "size"), _old_map(stream, header.raw), stored
    if facts.get("GNU.sparse.major") == b"1":
        segments, read = _map_in_data(stream, stored)
        return _decimal(facts.get("GNU.sparse.realsize", b"")), segments, stored - read
    if "GNU.sparse.map" in facts:
        numbers = [_decimal(word) for word in facts["GNU.sparse.map"].split(b",") if word]
    elif "GNU.sparse.offset" in facts:
        numbers = [_decimal(value) for key, value in records if key in {"GNU.sparse.offset", "GNU.sparse.numbytes"}]
    else:
        return stored, [(0, stored)], stored
    return _decimal(facts.get("GNU.sparse.size", b"")), _paired(numbers), stored


def _paired(numbers: list[int]) -> Segments:
    if len(numbers) % 2 or len(numbers) > 2 * _MOST_SEGMENTS:
        raise ArchiveError("it is damaged: the map of a sparse file cannot be read")
    return list(zip(numbers[::2], numbers[1::2], strict=True))


def _fits(segments: Segments, size: int, data: int) -> bool:
    """Tell whether segments follow each other, within the file, and are as much as is stored."""
    end = 0
    for start, length in segments:
        if start < end or length < 0:
            return False
        end = start + length
    return end <= size and sum(length for _, length in segments) == data


def _old_map(stream: Unpacked, raw: bytes) -> Segments:
    """The map of GNU tar's own format: four segments in the header, then blocks of 21."""
    numbers: list[int] = []
    at, count, more = 386, 4, 482
    while True:
        for place in range(at, at + 24 * count, 12):
            numbers.append(_number(raw[place : place + 12], "offset"))
        if not raw[more]:
            break
        if len(numbers) > 2 * _MOST_SEGMENTS:
            raise ArchiveError("it is damaged: the map of a sparse file cannot be read")
        raw, at, count, more = stream.exactly(_BLOCK), 0, 21, 504
    pairs = _paired(numbers)
    return [pair for pair in pairs if any(pair)]


def _map_in_data(stream: Unpacked, stored: int) -> tuple[Segments, int]:
    """The map at the beginning of the data: a count, then offsets and lengths, a line each; and its length."""
    read, text = 0, b""
    wanted = 1
    while text.count(b"\n") < wanted:
        if read + _BLOCK > stored or read > 64 * _MOST_SEGMENTS:
            raise ArchiveError("it is damaged: the map of a sparse file cannot be read")
        text += stream.exactly(_BLOCK)
        read += _BLOCK
        if wanted == 1 and b"\n" in text:
            wanted += 2 * min(_decimal(text.partition(b"\n")[0]), _MOST_SEGMENTS + 1)
    return _paired([_decimal(line) for line in text.split(b"\n")[1:wanted]]), read
