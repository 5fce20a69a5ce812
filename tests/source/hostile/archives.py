"""Archives that must be refused, by name: the bytes, and what is said of them."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import stat
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable
from typing import NamedTuple

import zstandard

Entry = tuple[tarfile.TarInfo, bytes]


class Hostile(NamedTuple):
    """The bytes of an archive, a pattern for the error, and options of the source."""

    data: bytes
    said: str
    options: tuple[tuple[str, str], ...] = ()


def entry(
    name: str, kind: bytes = tarfile.REGTYPE, content: bytes = b"", **more: object
) -> tuple[tarfile.TarInfo, bytes]:
    """One member of a tar archive."""
    info = tarfile.TarInfo(name)
    info.type, info.size = kind, len(content)
    for key, value in more.items():
        setattr(info, key, value)
    return info, content


def link(name: str, to: str, kind: bytes = tarfile.SYMTYPE) -> Entry:
    """A symbolic link, or a hard one."""
    return entry(name, kind, linkname=to)


def hard(name: str, to: str) -> Entry:
    """A hard link."""
    return link(name, to, tarfile.LNKTYPE)


def tar(*entries: Entry, form: int = tarfile.PAX_FORMAT) -> bytes:
    """A tar archive."""
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w", format=form) as archive:
        for info, content in entries:
            archive.addfile(info, io.BytesIO(content))
    return made.getvalue()


def header(name: bytes, kind: bytes = b"0", size: bytes = b"0", **fields: bytes) -> bytes:
    """One header block, with any bytes in any field and a checksum that fits."""
    block = bytearray(512)
    block[0 : len(name)] = name
    block[100:107] = b"0000644"
    block[124 : 124 + len(size)] = size
    block[136:137] = b"0"
    block[156:157] = kind
    block[257:265] = b"ustar\x0000"
    for field, value in fields.items():
        at = int(field.removeprefix("at"))
        block[at : at + len(value)] = value
    block[148:156] = b" " * 8
    block[148:156] = b"%06o\0 " % sum(block)
    return bytes(block)


END = bytes(1024)


def pax(*records: tuple[str, bytes], kind: bytes = b"x") -> bytes:
    """A pax header with any records."""
    content = b""
    for key, value in records:
        body = b" " + key.encode() + b"=" + value + b"\n"
        length = len(body) + 1
        while len(str(length)) + len(body) != length:
            length += 1
        content += str(length).encode() + body
    return header(b"pax", kind, b"%o" % len(content)) + content + bytes(-len(content) % 512)


def zipped(*members: tuple[str, bytes, int], method: int = zipfile.ZIP_DEFLATED, system: int = 3) -> bytes:
    """A zip archive of (name, content, unix mode)."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", method) as archive:
        for name, content, mode in members:
            info = zipfile.ZipInfo("x")
            info.filename = name
            info.create_system, info.external_attr, info.compress_type = system, mode << 16, method
            archive.writestr(info, content)
    return made.getvalue()


def bomb() -> bytes:
    """80 MiB that say next to nothing; zeros would be a hole."""
    return b"x" * (80 << 20)


def patched(data: bytes, old: bytes, new: bytes) -> bytes:
    """The same bytes with all of `old` exchanged."""
    assert old in data
    return data.replace(old, new)


def overlapping() -> bytes:
    """A zip whose two directory entries share one member: bombs that grow with the square are made so."""
    data = zipped(("a", b"x" * 1000, 0o644), ("b", b"x" * 1000, 0o644))
    second = data.index(b"PK\3\4", 4)
    return patched(data, struct.pack("<I", second) + b"b", struct.pack("<I", 0) + b"b")


def encrypted() -> bytes:
    """A zip that says that its member is encrypted."""
    data = bytearray(zipped(("a", b"secret", 0o644)))
    for magic, at in ((b"PK\3\4", 6), (b"PK\1\2", 8)):
        data[data.index(magic) + at] |= 1
    return bytes(data)


def xz_with_a_huge_dictionary() -> bytes:
    """An xz file that asks for 1.5 GiB of memory."""
    raw = lzma.compress(tar(entry("a")), filters=[{"id": lzma.FILTER_LZMA2, "dict_size": 1 << 16}])
    at = 12  # the header of the first block: size, flags, filter id 0x21, one property
    block = bytearray(raw[at : at + (raw[at] + 1) * 4])
    place = block.index(b"\x21\x01") + 2
    block[place] = 39
    block[-4:] = struct.pack("<I", zlib.crc32(bytes(block[:-4])))
    return raw[:at] + bytes(block) + raw[at + len(block) :]


FILE = entry("file", content=b"x")
BIG = ("max-size", "1M")

CORPUS: dict[str, Callable[[], Hostile]] = {
    # names
    "absolute": lambda: Hostile(tar(entry("/tmp/pwned")), "'/tmp/pwned' is an absolute name"),
    "absolute after one of the same parts": lambda: Hostile(tar(FILE, entry("/pwned")), "'/pwned' is an absolute name"),
    "dots after one of the same parts": lambda: Hostile(tar(entry("a/b"), entry("a/..")), r"leads out of the archive"),
    "the directory after one in it": lambda: Hostile(tar(entry("a/b"), entry("a/.")), "is there twice"),
    "NUL after one of the same parts": lambda: Hostile(
        header(b"a/b") + pax(("path", b"a/c\0d")) + header(b"x") + END, "is no name a file can"
    ),
    "absolute in the prefix": lambda: Hostile(header(b"pwned", at345=b"/tmp") + END, "is an absolute name"),
    "absolute in pax": lambda: Hostile(pax(("path", b"/tmp/x")) + header(b"x") + END, "'/tmp/x' is an absolute name"),
    "dots": lambda: Hostile(tar(entry("../pwned")), r"'\.\./pwned' leads out of the archive by '\.\.'"),
    "dots within": lambda: Hostile(tar(entry("a/../../pwned")), r"leads out of the archive by '\.\.'"),
    "dots at the end": lambda: Hostile(tar(entry("a/..", tarfile.DIRTYPE)), r"leads out of the archive by '\.\.'"),
    "dots that stripping would hide": lambda: Hostile(
        tar(entry("../pwned")), r"leads out of the archive by '\.\.'", (("strip", "1"),)
    ),
    "dots in a GNU long name": lambda: Hostile(
        tar(entry("a/" * 80 + "../" * 90 + "pwned"), form=tarfile.GNU_FORMAT), r"leads out of the archive by '\.\.'"
    ),
    "a NUL in pax": lambda: Hostile(pax(("path", b"a\0b")) + header(b"x") + END, r"'a\\x00b' is no name a file can"),
    "an endless name": lambda: Hostile(tar(entry("n" * 300)), "is no name a file can have"),
    "an endless path": lambda: Hostile(tar(entry("n/" * 2100 + "x")), "is no name a file can have"),
    "an empty name": lambda: Hostile(header(b"") + END, "'' has no name"),
    "the root as a file": lambda: Hostile(tar(entry("./.")), r"'\./\.' has no name"),
    "the root as a link": lambda: Hostile(tar(link(".", "/etc")), r"'\.' has no name"),
    "a name for all": lambda: Hostile(
        pax(("path", b"x"), kind=b"g") + header(b"y") + END, "its global header sets 'path' of every member"
    ),
    # links
    "link out": lambda: Hostile(tar(link("a", "../..")), r"'a' is a symbolic link to '\.\./\.\.', which leads out"),
    "absolute link": lambda: Hostile(tar(link("a", "/etc/passwd")), "which leads out of the archive"),
    "link out through links": lambda: Hostile(
        tar(entry("d/d", tarfile.DIRTYPE), link("d/d/up", "../.."), link("out", "d/d/up/../x")), "which leads out"
    ),
    "link out by a later link": lambda: Hostile(
        tar(link("a", "b/.."), link("b", ".")), r"'a' is a symbolic link to 'b/\.\.', which leads out"
    ),
    "link that stripping moves out": lambda: Hostile(
        tar(link("top/a", "../top/b"), entry("top/b")), "which leads out of the archive", (("strip", "1"),)
    ),
    "file through a link": lambda: Hostile(
        tar(link("a", "/tmp"), entry("a/pwned")), "'a/pwned' lies below 'a', which is a symlink"
    ),
    "file through a link within": lambda: Hostile(
        tar(entry("d", tarfile.DIRTYPE), link("a", "d"), entry("a/x")), "'a/x' lies below 'a', which is a symlink"
    ),
    "file over a link, and the link again": lambda: Hostile(
        tar(link("a", "/tmp/pwned"), entry("a", content=b"x"), link("a", "/tmp/pwned")),
        "'a' is a symbolic link to '/tmp",
    ),
    "link over a file": lambda: Hostile(tar(FILE, link("file", "/etc")), "'file' is a symbolic link to '/etc'"),
    "directory over a link, and the link again": lambda: Hostile(
        tar(link("a", "/tmp"), entry("a", tarfile.DIRTYPE), entry("a/x"), link("a", "/tmp")), "'a' is there twice, as a"
    ),
    "link over a directory": lambda: Hostile(
        tar(entry("a", tarfile.DIRTYPE), link("a", "/tmp"), entry("a/x")), "'a' is there twice"
    ),
    "link to nothing": lambda: Hostile(header(b"a", b"2") + END, "'a' is a symbolic link to nothing"),
    # hard links
    "hard link out": lambda: Hostile(tar(hard("a", "../../secret")), r"'\.\./\.\./secret' leads out of the archive"),
    "hard link to an absolute name": lambda: Hostile(
        tar(hard("a", "/etc/shadow")), "'a' is a hard link to '/etc/shadow', which is no file of the archive"
    ),
    "hard link to a link": lambda: Hostile(
        tar(link("a", "/etc/shadow"), hard("b", "a")), "is a symbolic link to '/etc/shadow', which leads out"
    ),
    "hard link that moves a link out": lambda: Hostile(
        tar(entry("d/e", tarfile.DIRTYPE), link("d/e/a", "../.."), hard("b", "d/e/a")),
        "'b' is a symbolic link to '../..'",
    ),
    "hard link below a link": lambda: Hostile(
        tar(link("a", "/etc"), hard("b", "a/shadow")), "'b' is a hard link to 'a/shadow', which is no file"
    ),
    "hard link to what never comes": lambda: Hostile(tar(hard("b", "a"), FILE), "'a', which is no file of the archive"),
    "hard link to itself": lambda: Hostile(tar(hard("a", "a")), "'a', which is no file of the archive"),
    "hard links in a ring": lambda: Hostile(tar(hard("a", "b"), hard("b", "a")), "which is no file of the archive"),
    "file below a hard link to what comes later": lambda: Hostile(
        tar(hard("b", "d"), entry("b/x"), entry("d", tarfile.DIRTYPE)), "'b/x' lies below 'b', which is a hard link"
    ),
    "hard link to a directory": lambda: Hostile(
        tar(entry("d", tarfile.DIRTYPE), hard("b", "d")), "'b' is a hard link to 'd', which is a directory"
    ),
    "a deeper link behind a hard link": lambda: Hostile(  # CVE-2026-11940
        tar(entry("a/b", tarfile.DIRTYPE), link("a/b/up", "../.."), hard("x", "a/b/up"), entry("x/pwned")),
        "'x/pwned' lies below 'x', which is a symlink",
    ),
    # kinds
    "device": lambda: Hostile(tar(entry("null", tarfile.CHRTYPE, devmajor=1, devminor=3)), "'null' is a device"),
    "block device": lambda: Hostile(tar(entry("sda", tarfile.BLKTYPE, devmajor=8)), "'sda' is a device"),
    "fifo": lambda: Hostile(tar(entry("pipe", tarfile.FIFOTYPE)), "'pipe' is a fifo"),
    "unknown kind": lambda: Hostile(header(b"a", b"Z") + END, "'a' is of an unknown kind b'Z'"),
    "continuation of another volume": lambda: Hostile(header(b"a", b"M") + END, "'a' is of an unknown kind b'M'"),
    "setuid": lambda: Hostile(tar(entry("su", mode=0o4755)), "'su' is setuid or setgid"),
    "setgid": lambda: Hostile(tar(entry("sg", mode=0o2755)), "'sg' is setuid or setgid"),
    "file as a directory": lambda: Hostile(tar(FILE, entry("file/x")), "'file/x' lies below 'file', which is a file"),
    "file over a directory": lambda: Hostile(tar(entry("a/b"), entry("a")), "'a' is there twice"),
    # bombs
    "bomb by size": lambda: Hostile(
        gzip.compress(tar(entry("a", content=bytes(2 << 20)))), r"more than 1048576 bytes \(option max-size\)", (BIG,)
    ),
    "bomb by ratio, gz": lambda: Hostile(
        gzip.compress(tar(entry("a", content=bomb())), 6), r"more than 200 times its size \(option max-ratio"
    ),
    "bomb by ratio, bz2": lambda: Hostile(bz2.compress(tar(entry("a", content=bomb())), 1), r"200 times its size"),
    "bomb by ratio, xz": lambda: Hostile(lzma.compress(tar(entry("a", content=bomb())), preset=0), r"200 times"),
    "bomb by ratio, zst": lambda: Hostile(zstandard.compress(tar(entry("a", content=bomb()))), r"200 times its size"),
    "bomb by ratio, zip": lambda: Hostile(zipped(("a", bomb(), 0o644)), "it unpacks to more than 200 times"),
    "bomb by memory, xz": lambda: Hostile(xz_with_a_huge_dictionary(), r"it is damaged: memory usage limit"),
    "bomb by count": lambda: Hostile(
        tar(*(entry(f"f{i}") for i in range(6))), r"more than 5 entries \(option max-files\)", (("max-files", "5"),)
    ),
    "bomb by depth": lambda: Hostile(
        tar(entry("d/" * 6 + "x")), r"more than 5 entries \(option max-files\)", (("max-files", "5"),)
    ),
    "bomb by count, zip": lambda: Hostile(
        zipped(*((f"f{i}", b"", 0o644) for i in range(6))), r"more than 5 entries", (("max-files", "5"),)
    ),
    "bomb by overlap, zip": lambda: Hostile(overlapping(), "overlaps another member"),
    "bomb by holes": lambda: Hostile(
        pax(("GNU.sparse.major", b"1"), ("GNU.sparse.minor", b"0"), ("GNU.sparse.realsize", b"9" * 15))
        + header(b"a", size=b"1000")
        + b"0\n".ljust(512, b"\0")
        + END,
        r"unpacks to more than 17179869184 bytes",
    ),
    "bomb by holes, old": lambda: Hostile(
        header(b"a", b"S", at483=b"77777777777") + END, r"more than 1048576 b", (BIG,)
    ),
    "endless header": lambda: Hostile(header(b"a", b"L", b"77777777777") + b"x" * 1024, "it has a header of 8589934"),
    "endless pax header": lambda: Hostile(header(b"a", b"x", b"77777777777") + b"x" * 1024, "it has a header of"),
    "endless map of holes": lambda: Hostile(
        pax(("GNU.sparse.major", b"1"), ("GNU.sparse.realsize", b"9"))
        + header(b"a", size=b"77777777777")
        + b"9999999\n"
        + b"0\n" * (5 << 20),
        "the map of a sparse file cannot be read",
    ),
    "bomb by headers": lambda: Hostile(
        gzip.compress(pax(("comment", b"x" * (1 << 19))) * 3 + header(b"a") + END), "more headers before a member than"
    ),
    "bomb by headers for all": lambda: Hostile(
        pax(*[("c", b"")] * 9000, kind=b"g") * 2 + header(b"a") + END, "more headers before a member than"
    ),
    "bomb by records": lambda: Hostile(
        pax(*[("c", b"")] * 17000) + header(b"a") + END, "it has a pax header of more than 16384 records"
    ),
    "bomb by links": lambda: Hostile(
        tar(link("a", "b/" * 600), link("b", "./" * 600)), "which leads out of the archive"
    ),
    # damage
    "negative size": lambda: Hostile(header(b"a", size=b"\xff" * 12) + END, "it is damaged: a negative size"),
    "negative offset": lambda: Hostile(
        header(b"a", b"S", b"1", at386=b"\xff" * 12 + b"1", at483=b"7777") + bytes(512) + END,
        "its map of holes is wrong",
    ),
    "holes that overlap": lambda: Hostile(
        pax(("GNU.sparse.map", b"0,1,0,1"), ("GNU.sparse.size", b"9")) + header(b"a", size=b"2") + bytes(512) + END,
        "its map of holes is wrong",
    ),
    "more data than the map has": lambda: Hostile(
        pax(("GNU.sparse.map", b"0,1"), ("GNU.sparse.size", b"9")) + header(b"a", size=b"2") + bytes(512) + END,
        "its map of holes is wrong",
    ),
    "an odd map": lambda: Hostile(
        pax(("GNU.sparse.map", b"0,1,2"), ("GNU.sparse.size", b"9")) + header(b"a", size=b"1") + bytes(512) + END,
        "the map of a sparse file cannot be read",
    ),
    "pax of digits": lambda: Hostile(
        header(b"a", b"x", b"%o" % (1 << 19)) + b"9" * (1 << 19) + header(b"x") + END, "a pax header cannot be read"
    ),
    "pax that goes on beyond its end": lambda: Hostile(
        header(b"a", b"x", b"11") + b"99 path=x\n".ljust(512, b"\0") + header(b"x") + END, "a pax header cannot be read"
    ),
    "pax of nothing": lambda: Hostile(pax(("path", b"x")) + END, "it is damaged: a name without a member"),
    "pax with a size that is none": lambda: Hostile(
        pax(("size", b"-1")) + header(b"x") + END, "it is damaged: a size is no number"
    ),
    "pax with a time that is none": lambda: Hostile(
        pax(("mtime", b"nan")) + header(b"x") + END, "it is damaged: a time is no number"
    ),
    "a wrong checksum": lambda: Hostile(tar(FILE)[:600].ljust(1024, b"\1"), "it is damaged|truncated"),
    "truncated": lambda: Hostile(tar(entry("a", content=b"x" * 5000))[:2000], "it ends in the middle: it is truncated"),
    "no end": lambda: Hostile(header(b"a"), "it ends in the middle: it is truncated"),
    "truncated gz": lambda: Hostile(gzip.compress(tar(entry("a", content=b"x" * 5000)))[:-12], "it ends too early"),
    "wrong crc": lambda: Hostile(gzip.compress(tar(FILE))[:-8] + b"12345678", "it is damaged: incorrect data check"),
    "truncated bz2": lambda: Hostile(bz2.compress(tar(FILE))[:-10], "it ends too early"),
    "truncated xz": lambda: Hostile(lzma.compress(tar(FILE))[:-10], "it ends too early"),
    "truncated zst": lambda: Hostile(zstandard.compress(tar(FILE))[:-10], "it is truncated|it ends|damaged"),
    "damaged xz": lambda: Hostile(lzma.compress(tar(FILE))[:-20] + b"x" * 20, "it is damaged"),
    "truncated zip": lambda: Hostile(zipped(("a", b"x" * 100, 0o644))[:-10], "it is damaged: file is not a zip file"),
    "zip with a wrong crc": lambda: Hostile(
        patched(zipped(("a", b"contents", 0o644), method=zipfile.ZIP_STORED), b"contents", b"CONTENTS"),
        "it is damaged: bad CRC-32",
    ),
    "zip with two names": lambda: Hostile(
        zipped(("aa", b"x", 0o644)).replace(b"aa", b"ab", 1), "it is damaged: file name in directory"
    ),
    # zip
    "zip, absolute": lambda: Hostile(zipped(("/tmp/pwned", b"x", 0o644)), "'/tmp/pwned' is an absolute name"),
    "zip, dots": lambda: Hostile(zipped(("../pwned", b"x", 0o644)), "leads out of the archive"),
    "zip, dots by backslashes": lambda: Hostile(
        zipped(("..\\pwned", b"x", 0o644), system=0), "leads out of the archive"
    ),
    "zip, NUL": lambda: Hostile(patched(zipped(("aXb", b"x", 0o644)), b"aXb", b"a\0b"), "no name a file can|damaged"),
    "zip, link out": lambda: Hostile(zipped(("a", b"/etc/passwd", stat.S_IFLNK | 0o777)), "which leads out"),
    "zip, file through a link": lambda: Hostile(
        zipped(("a", b"/tmp", stat.S_IFLNK | 0o777), ("a/pwned", b"x", 0o644)), "lies below 'a', which is a symlink"
    ),
    "zip, endless link": lambda: Hostile(
        zipped(("a", b"x" * 5000, stat.S_IFLNK | 0o777)), "is a symbolic link to a text of 5000 bytes"
    ),
    "zip, device": lambda: Hostile(zipped(("a", b"", stat.S_IFBLK | 0o644)), "'a' is a device"),
    "zip, setuid": lambda: Hostile(zipped(("a", b"", stat.S_IFREG | 0o4755)), "'a' is setuid or setgid"),
    "zip, twice": lambda: Hostile(zipped(("a/b", b"1", 0o644), ("./a", b"2", 0o644)), r"'\./a' is there twice, as a"),
    "zip, encrypted": lambda: Hostile(encrypted(), "'a' is encrypted"),
    "zip, unknown method": lambda: Hostile(
        zipped(("a", b"x", 0o644), method=zipfile.ZIP_LZMA), "'a' is compressed by an unknown method 14"
    ),
    # what is no archive
    "nothing": lambda: Hostile(b"", "it is empty"),
    "a web page": lambda: Hostile(b"\n<!DOCTYPE html><title>Log in</title>", "it is a web page .* is a login needed"),
    "a text": lambda: Hostile(b"hello\n" * 200, "it is no archive"),
    "a compressed text": lambda: Hostile(gzip.compress(b"hello\n" * 200), "damaged: the checksum of a header is"),
    "nothing left": lambda: Hostile(tar(FILE), "nothing is left of it without 1 leading comp", (("strip", "1"),)),
}
