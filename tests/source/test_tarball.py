"""Archives: faithful for honest ones, whoever made them; hostile ones touch nothing."""

from __future__ import annotations

import bz2
import gzip
import hashlib
import io
import lzma
import os
import struct
import subprocess
import tarfile
import tempfile
import zipfile
import zlib
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from runnerlib.errors import Interrupted, SourceError
from runnerlib.source import Prepared, SourceSpec, check, prepare
from runnerlib.source.tarball import extraction
from runnerlib.source.tarball.member import Limits
from runnerlib.source.tarball.unpacked import Unpacked
from tests.source.hostile import archives
from tests.source.hostile.archives import CORPUS, END, entry, hard, header, link, pax, tar, zipped
from tests.source.repository import Unwanted, holders, snapshot
from tests.source.test_copy import TREES, build
from tests.tools import tool

PACKERS: dict[str, Callable[[bytes], bytes]] = {
    "tar": bytes,
    "tar.gz": gzip.compress,
    "tar.bz2": bz2.compress,
    "tar.xz": lzma.compress,
    "tar.lzma": lambda data: lzma.compress(data, lzma.FORMAT_ALONE),
    "tar.zst": zstandard.compress,
}


def unpack(data: bytes, target: Path, **options: str) -> Prepared:
    """Prepare from an archive of these bytes."""
    file = target.parent.parent / "archive"
    file.write_bytes(data)
    pairs = tuple((name.replace("_", "-"), value) for name, value in options.items())
    prepared = prepare(SourceSpec("tarball", str(file), None, pairs), target)
    assert prepared is not None
    assert holders(target.parent) == []
    return prepared


@pytest.fixture
def target(tmp_path: Path) -> Path:
    (tmp_path / "job").mkdir()
    return tmp_path / "job/src"


@pytest.mark.parametrize("name", CORPUS)
def test_hostile_archives_touch_nothing(name: str, full: Path) -> None:
    hostile = CORPUS[name]()
    archive = full.parent.parent / "archive"
    archive.write_bytes(hostile.data)
    before = snapshot(full.parent.parent)
    with pytest.raises(SourceError, match=hostile.said) as caught:
        prepare(SourceSpec("tarball", str(archive), None, hostile.options), full)
    assert str(caught.value).startswith(f"archive '{archive}': ")
    assert len(str(caught.value)) < 700
    assert "\n" not in str(caught.value)
    after = snapshot(full.parent.parent)
    for found in (before, after):
        found.pop("job")  # its time: the sibling was made there
    assert after == before
    assert not Path("/tmp/pwned").exists()


@pytest.mark.parametrize("form", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
@settings(max_examples=15, deadline=None, derandomize=True)
@given(tree=TREES, packer=st.sampled_from(sorted(PACKERS)))
def test_a_random_tree_arrives_as_it_was_packed(form: int, tree: dict[bytes, tuple], packer: str) -> None:
    with tempfile.TemporaryDirectory() as room:
        source, target = Path(room, "in"), Path(room, "out/target")
        source.mkdir()
        build(source, tree)
        for path in sorted(source.rglob("*"), reverse=True):  # tarfile keeps no more than a float can hold
            whole = path.lstat().st_mtime_ns // 10**9
            os.utime(path, (whole, whole), follow_symlinks=False)
        target.parent.mkdir()
        data = io.BytesIO()
        with tarfile.open(fileobj=data, mode="w", format=form) as archive:
            archive.add(source, ".")
        try:
            unpack(PACKERS[packer](data.getvalue()), target)
        except SourceError as error:
            assert "leads out of the archive" in str(error) or "is setuid or setgid" in str(error)
            assert not target.exists()
            return
        assert seconds(snapshot(target)) == seconds(snapshot(source))


def seconds(found: dict[str, tuple[object, ...]]) -> dict[str, tuple[object, ...]]:
    """A snapshot as most archives keep it: times in seconds, directories without setuid and setgid."""
    return {
        path: (mode & ~0o6000 if content is None else mode, int(time) // 10**9, content)  # type: ignore[operator,call-overload]
        for path, (mode, time, content) in found.items()
        if path != "."
    }


@pytest.fixture(scope="module")
def room(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory `d` of what formats differ in: long names, holes, links, odd times and characters."""
    room = tmp_path_factory.mktemp("room")
    made = room / "d"
    long = "n" * 120
    (made / long / long).mkdir(parents=True)
    (made / long / long / "file").write_text("deep")
    (made / "link").symlink_to(f"{long}/{long}/file")
    (made / "hard").write_text("hard")
    os.link(made / "hard", made / "other")
    (made / os.fsdecode("ünïcödé \udcff\n'".encode("utf-8", "surrogateescape"))).write_text("x")
    with open(made / "holes", "wb") as file:
        for place in range(0, 50 << 20, 5 << 20):
            file.seek(place)
            file.write(b"data")
        file.truncate(70 << 20)
    os.utime(made / "hard", ns=(10**18 + 1, 10**18 + 123456789))
    (made / long).chmod(0o750)
    return room


SPARSE = ("gnu --sparse", "pax --sparse", "pax --sparse --sparse-version=0.0", "pax --sparse --sparse-version=0.1")


@pytest.mark.parametrize(
    ("form", "packed"),  # 70 MB of zeros would be a bomb, so that only sparse ones are packed
    [(form, packed) for form in SPARSE for packed in ("", "--gzip", "--zstd")] + [("gnu", ""), ("pax", "")],
)
def test_what_gnu_tar_makes(form: str, packed: str, room: Path, target: Path) -> None:
    tool("zstd")
    words = [tool("tar"), *f"--format={form} {packed}".split(), "-cf", "-", "."]
    made = subprocess.run(words, cwd=room / "d", check=True, capture_output=True).stdout
    unpack(made, target)
    whole = (lambda found: found) if "pax" in form else seconds
    found, expected = whole(snapshot(target)), whole(snapshot(room / "d"))
    found.pop(".", None), expected.pop(".", None)
    assert found == expected
    assert (target / "hard").stat().st_ino == (target / "other").stat().st_ino
    if "sparse" in form:
        assert (target / "holes").stat().st_blocks * 512 < 2 << 20


def test_old_formats(target: Path) -> None:
    v7 = header(b"d/", b"\0", at257=bytes(8)) + header(b"d/f", b"\0", b"1", at257=bytes(8)) + b"x".ljust(512, b"\0")
    unpack(v7 + END, target)
    assert (target / "d/f").read_text() == "x"
    unpack(bytes(10240), target)  # an archive of nothing
    assert list(target.iterdir()) == []
    signed = bytearray(header("ü".encode()))  # by a program that takes bytes as signed
    signed[148:156] = b" " * 8
    signed[148:156] = b"%06o\0 " % sum(byte - 256 * (byte > 127) for byte in signed)
    unpack(bytes(signed) + END, target)
    assert [path.name for path in target.iterdir()] == ["ü"]
    label = header(b"the volume", b"V") + pax(("comment", b"0" * 40), kind=b"g")
    unpack(label + header(b"f", b"7", b"1", at345=b"a/b") + b"y".ljust(512, b"\0") + END, target)
    assert (target / "a/b/f").read_text() == "y"


def test_zip(target: Path) -> None:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.mkdir("d")
        for name, mode in (("d/run", 0o755), ("plain", 0o640)):
            info = zipfile.ZipInfo(name, (2020, 1, 2, 3, 4, 6))
            info.create_system, info.external_attr, info.compress_type = 3, (0o100000 | mode) << 16, zipfile.ZIP_BZIP2
            archive.writestr(info, "x" * 1000)
        info = zipfile.ZipInfo("utc")
        info.create_system, info.extra = 0, b"UT\5\0\1" + (10**9).to_bytes(4, "little")
        archive.writestr(info, "")
    prepared = unpack(data.getvalue(), target)
    assert prepared == Prepared(target, None)
    assert {path: (mode & 0o777, content) for path, (mode, _, content) in snapshot(target).items()} == {
        ".": ((target.stat().st_mode & 0o777), None),
        "d": (0o777, None),
        "d/run": (0o755, b"x" * 1000),
        "plain": (0o640, b"x" * 1000),
        "utc": (0o644, b""),
    }
    assert target.joinpath("plain").stat().st_mtime == 1577934246
    assert target.joinpath("utc").stat().st_mtime == 10**9
    unpack(zipped(("l", b"d/../f", 0o120777), ("f", b"", 0o644), ("d/", b"", 0o755)), target)
    assert os.readlink(target / "l") == "d/../f"
    unpack(zipped(), target)
    assert list(target.iterdir()) == []


def named(raw: bytes, unicode: bytes | None = None, system: int = 3, *, crc: bytes = b"") -> bytes:
    """A zip archive of one entry whose name is the bytes `raw`, not marked as UTF-8, with another in a field for it."""
    made, word = io.BytesIO(), "x" * len(raw)
    with zipfile.ZipFile(made, "w") as archive:
        info = zipfile.ZipInfo(word)
        info.create_system = system
        if unicode is not None:
            field = b"\1" + (crc or zlib.crc32(raw).to_bytes(4, "little")) + unicode
            info.extra = b"UT\1\0\0" + struct.pack("<HH", 0x7075, len(field)) + field
        archive.writestr(info, "content")
    return made.getvalue().replace(word.encode(), raw)


@pytest.mark.parametrize(
    ("archive", "expected"),
    [
        (named("ü日.txt".encode()), "ü日.txt"),
        (named("ü日.txt".encode(), system=19), "ü日.txt"),
        (named(b"\xfc?.txt", "ü日.txt".encode()), "ü日.txt"),
        (named(b"\x81?.txt", "ü日.txt".encode(), system=0), "ü日.txt"),
        (named(b"\x81.txt", system=0), "ü.txt"),  # DOS
        (named(b"\x81.txt", b"other", system=0, crc=b"0000"), "ü.txt"),  # it is of another name: somebody renamed it
        (named(b"\xfc.txt"), "\udcfc.txt"),  # what it is in latin-1, nobody says
        (zipped(("ü日.txt", b"content", 0o100644)), "ü日.txt"),  # bit 11
    ],
)
def test_names_of_zip_in_every_encoding(archive: bytes, expected: str, target: Path) -> None:
    unpack(archive, target)
    assert os.listdir(target) == [expected]
    assert (target / expected).read_text() == "content"


@pytest.mark.parametrize(
    ("unicode", "said"),
    [
        (b"../pwned", "leads out of the archive"),
        (b"/tmp/pwned", "is an absolute name"),
        (b"a\0b", "is no name a file can have"),
    ],
)
def test_the_other_name_of_an_entry_is_checked_too(unicode: bytes, said: str, target: Path) -> None:
    with pytest.raises(SourceError, match=said):
        unpack(named(b"harmless", unicode), target)


@pytest.mark.parametrize("options", [[], ["-UN=UTF8"], ["-UN=no"]])
def test_names_that_info_zip_writes(options: list[str], target: Path, tmp_path: Path) -> None:
    room = tmp_path / "room"
    (room / "dé").mkdir(parents=True)
    for name in ("ü日.txt", "dé/😀", "plain"):
        (room / name).write_text(name)
    (room / "lñ").symlink_to("ü日.txt")
    command = [tool("zip"), "-qry", *options, str(tmp_path / "x.zip"), "."]
    subprocess.run(command, cwd=room, env={**os.environ, "LC_ALL": "C.UTF-8"}, check=True)
    unpack((tmp_path / "x.zip").read_bytes(), target)
    found = {path.relative_to(target).as_posix() for path in target.rglob("*")}
    assert found == {"dé", "ü日.txt", "dé/😀", "plain", "lñ"}
    assert (target / "lñ").read_text() == "ü日.txt"


def test_backslashes_are_slashes_where_dos_wrote_them(target: Path) -> None:
    for system in (0, 6, 10, 14):
        unpack(zipped(("dir\\", b"", 0), ("dir\\a\\b", b"x", 0), ("c/d\\e", b"y", 0), system=system), target)
        assert sorted(path.relative_to(target).as_posix() for path in target.rglob("*") if path.is_file()) == [
            "c/d\\e",
            "dir/a/b",
        ]
    unpack(zipped(("..\\a", b"x", 0o644)), target)
    assert os.listdir(target) == ["..\\a"]  # a file name like any other


def test_of_a_name_that_comes_again_the_last_entry_counts(target: Path) -> None:
    unpack(
        tar(
            entry("a", content=b"old"), hard("kept", "a"), link("a", "kept"), entry("./a", content=b"new"),
            link("b", "/etc"), entry("b", tarfile.DIRTYPE), entry("b/x", content=b"x"),
            entry("c", content=b"old"), link("c", "b"), entry("c", tarfile.DIRTYPE), entry("c/y", content=b"y"),
            entry("d", content=b"old"), hard("d", "a"),
        ),
        target,
    )  # fmt: skip
    files = {path.relative_to(target).as_posix(): path.read_text() for path in target.rglob("*") if path.is_file()}
    assert files == {"a": "new", "kept": "old", "b/x": "x", "c/y": "y", "d": "new"}
    assert not [path for path in target.rglob("*") if path.is_symlink()]
    unpack(zipped(("a", b"1", 0o644), ("./a", b"2", 0o644)), target)
    assert (target / "a").read_bytes() == b"2"


def test_hard_links_to_links_and_to_what_comes_later(target: Path) -> None:
    unpack(
        tar(
            hard("c", "b"), hard("b", "/a"), entry("a", content=b"x"), link("d/link", "../a"), hard("d/again", "d/link")
        ),
        target,
    )
    assert os.stat(target / "a").st_nlink == 3
    assert (target / "b").samefile(target / "c")
    assert os.readlink(target / "d/again") == "../a"


def test_absolute_links_into_the_tree_stay(target: Path, tmp_path: Path) -> None:
    inside = [link("a", f"{target}/d/x"), link("b", str(target)), link("c", f"{target}/b/d/../d"), entry("d/x")]
    unpack(tar(*inside), target)
    assert os.readlink(target / "a") == f"{target}/d/x"
    for text in (f"{target}/../x", f"{target}x", str(tmp_path), f"{target}/b/../x"):
        with pytest.raises(SourceError, match="which leads out of the archive"):
            unpack(tar(*inside, link("out", text)), target)


def test_zeros_are_holes_however_many(target: Path) -> None:
    size = 70 << 20
    for pack in (gzip.compress, zstandard.compress):
        unpack(pack(tar(entry("zeros", content=bytes(size)), entry("few", content=bytes(5000)))), target)
        found = os.stat(target / "zeros")
        assert found.st_size == size
        assert found.st_blocks * 512 < size / 100
        assert (target / "few").read_bytes() == bytes(5000)
    unpack(zipped(("zeros", bytes(size), 0o644), ("more", bytes(size), 0o644)), target)
    assert os.stat(target / "more").st_size == size
    assert os.stat(target / "more").st_blocks * 512 < size / 100


@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress, lzma.compress], ids=["gz", "bz2", "xz"])
def test_what_follows_compressed_data_is_told_and_left_out(pack: Callable[[bytes], bytes], target: Path) -> None:
    said: list[str] = []
    file = target.parent.parent / "archive"
    for rest in (b"x", b"garbage" * 100_000, bytes(1000) + b"x"):
        file.write_bytes(pack(tar(entry("a", content=b"1"))) + rest)
        prepare(SourceSpec("tarball", str(file), None, ()), target, said.append)
        assert (target / "a").read_bytes() == b"1"
        assert "what follows the compressed data is no part of it, and was left out" in said
        said.clear()
    whole = tar(entry("a", content=b"1"))
    with pytest.raises(SourceError, match="it ends in the middle: it is truncated"):
        unpack(pack(whole[:512]) + b"x" + pack(whole[512:]), target)


def test_a_first_name_that_looks_like_a_compressed_file(target: Path) -> None:
    for name in ("]", "BZh9", "PK\3\4"):
        unpack(tar(entry(name, content=b"1")), target)
        assert os.listdir(target) == [name]


def test_strip(target: Path) -> None:
    data = tar(
        entry("top/"), entry("top/a/f", content=b"x"), link("top/a/l", "f"), hard("top/h", "top/a/f"), entry("x")
    )
    data = tar(entry("top", tarfile.DIRTYPE), entry("top/a/f", content=b"x"), link("top/a/l", "f"),
               hard("top/h", "top/a/f"), entry("dropped", content=b"y" * 600), entry("top/last"))  # fmt: skip
    unpack(data, target, strip="1")
    assert {path.relative_to(target).as_posix() for path in target.rglob("*")} == {"a", "a/f", "a/l", "h", "last"}
    assert (target / "h").read_text() == "x"
    unpack(data, target, strip="2")
    assert {path.name for path in target.iterdir()} == {"f", "l"}


def test_several_streams_in_one_file(target: Path) -> None:
    data = tar(entry("a", content=b"x" * 3000))
    for name, packer in PACKERS.items():
        unpack(packer(data[:1000]) + packer(data[1000:]), target)
        assert (target / "a").read_bytes() == b"x" * 3000, name
    unpack(lzma.compress(data[:1000]) + bytes(8) + lzma.compress(data[1000:]) + bytes(4), target)
    assert (target / "a").read_bytes() == b"x" * 3000


def test_odd_times_and_modes(target: Path) -> None:
    unpack(
        tar(entry("past", mtime=-(10**15)), entry("future", mtime=10**15), entry("shut", tarfile.DIRTYPE, mode=0)),
        target,
    )
    assert (target / "past").stat().st_mtime == -(2**31)
    assert (target / "future").stat().st_mtime == 2**33
    assert (target / "shut").stat().st_mode & 0o777 == 0
    unpack(tar(entry("a", mode=0o1644), entry("d", tarfile.DIRTYPE, mode=0o3775)), target)
    assert (target / "a").stat().st_mode & 0o7777 == 0o1644
    assert (target / "d").stat().st_mode & 0o7777 == 0o1775


@pytest.mark.parametrize("umask", [0, 0o022, 0o077])
@pytest.mark.parametrize("is_known", [True, False])
def test_modes_are_those_of_the_archive(
    umask: int, is_known: bool, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    modes = (0o600, 0o644, 0o755, 0o666, 0o777, 0o400, 0o1644)
    files = [header(f"f{mode:o}".encode(), at100=b"%07o" % mode) for mode in modes]
    if not is_known:
        monkeypatch.setattr(extraction.os, "O_TMPFILE", os.O_DIRECTORY)
    before = os.umask(umask)
    try:
        unpack(b"".join(files) + END, target)
    finally:
        os.umask(before)
    assert {f"f{mode:o}": mode for mode in modes} == {
        file.name: file.stat().st_mode & 0o7777 for file in target.iterdir()
    }


@pytest.mark.parametrize("algorithm", ["sha256", "sha384", "sha512", "SHA256"])
def test_checksums(algorithm: str, full: Path) -> None:
    archive = full.parent.parent / "a#b.tar"
    archive.write_bytes(tar(entry("a")))
    digest = hashlib.new(algorithm, archive.read_bytes()).hexdigest()
    before = snapshot(full)
    wrong = "0" * len(digest)
    with pytest.raises(SourceError, match=rf"archive '.*a#b.tar' has \w+ {digest}, not the one that was given"):
        prepare(SourceSpec("tarball", f"{archive}#{algorithm}={wrong}"), full)
    assert snapshot(full) == before
    prepared = prepare(SourceSpec("tarball", f"{archive}#{algorithm}={digest.upper()}"), full)
    assert prepared == Prepared(full, f"{algorithm.lower()}:{digest}")
    prepare(SourceSpec("tarball", f"file://{archive.parent}/a%23b.tar#{algorithm}={digest}"), full)
    assert [path.name for path in full.iterdir()] == ["a"]


REFUSED = [
    ("", (), "source type 'tarball' needs a url or the path of an archive"),
    (
        "ftp://h/x.tar",
        (),
        r"unknown archive url scheme 'ftp' \(https, http, file\) in 'ftp://h/x.tar'",
    ),
    ("file://far/x.tar", (), "names a file on host 'far', not on this one"),
    (
        "https://u:pw-of-mine@h/x?sig=pw-of-mine#frag",
        (),
        "archive url 'https://.*@h/x.…' ends with '#frag'; ",
    ),
    ("https:///x", (), "archive url 'https:///x' has no valid host"),
    ("https://a b/x", (), "has no valid host"),
    ("https://h:99999999/x", (), "has no valid host"),
    ("https://h:65536/x", (), "has no valid host"),
    ("https://a..b/x", (), "has no valid host"),
    (f"https://{'a' * 64}/x", (), "has no valid host"),
    ("https://h/a b", (), "holds characters that must be percent-encoded"),
    ("x#md5=0", (), r"a checksum by md5 proves nothing any more \(sha256, sha384, sha512\)"),
    ("x#sha265=0", (), r"unknown checksum 'sha265'; did you mean 'sha256'"),
    ("x#sha256=00", (), "checksum '00' is not the 64 hexadecimal digits of sha256"),
    (
        "x",
        (("strip", "-1"),),
        "option 'strip' of source type 'tarball' is '-1'; a whole number, 0 or more, is expected",
    ),
    ("x", (("max-size", "lots"),), "option 'max-size' .* is 'lots'; a number of bytes such as"),
    ("x", (("stirp", "1"),), r"unknown option of source type 'tarball' 'stirp'; did you mean 'strip'"),
]


@pytest.mark.parametrize(("url", "options", "said"), REFUSED, ids=[row[2] for row in REFUSED])
def test_what_check_refuses(url: str, options: tuple[tuple[str, str], ...], said: str) -> None:
    with pytest.raises(SourceError, match=said) as caught:
        check(SourceSpec("tarball", url, None, options))
    assert "pw-of-mine" not in str(caught.value)


def test_what_is_no_file(full: Path) -> None:
    os.mkfifo(full.parent / "fifo")
    for path, said in (("fifo", "is no regular file"), (".", "is no regular file"), ("no", "cannot be read: no such")):
        with pytest.raises(SourceError, match=said):
            prepare(SourceSpec("tarball", str(full.parent / path)), full)
    assert (full / "deep/er/work").read_text() == "precious"


@settings(max_examples=300, deadline=None, derandomize=True)
@given(st.data())
def test_damaged_bytes_never_do_anything_else_than_fail(data: st.DataObject) -> None:
    kind = data.draw(st.sampled_from(["tar", "gnu", "sparse", "zip", "gz", "xz"]))
    whole = bytearray(GOOD[kind])
    for _ in range(data.draw(st.integers(1, 6))):
        at = data.draw(st.integers(0, len(whole) - 1))
        whole[at] = data.draw(st.integers(0, 255))
        if kind in {"tar", "gnu", "sparse"} and data.draw(st.booleans()):
            block = at // 512 * 512
            whole[block + 148 : block + 156] = b" " * 8
            whole[block + 148 : block + 156] = b"%06o\0 " % (sum(whole[block : block + 512]) & 0o777777)
    with tempfile.TemporaryDirectory() as place:
        (Path(place) / "job").mkdir()
        try:
            unpack(bytes(whole), Path(place) / "job/src")
        except SourceError:
            assert not (Path(place) / "job/src").exists()
        assert {path.name for path in Path(place).iterdir()} == {"job", "archive"}
        assert {path.name for path in (Path(place) / "job").iterdir()} <= {"src"}


MIXED = (entry("d", tarfile.DIRTYPE), entry("d/file", content=b"x" * 700), link("d/link", "file"), hard("h", "d/file"))
GOOD = {
    "tar": tar(*MIXED, entry("ü" * 60, content=b"y")),
    "gnu": tar(*MIXED, entry("n" * 150, content=b"y"), form=tarfile.GNU_FORMAT),
    "sparse": pax(("GNU.sparse.major", b"1"), ("GNU.sparse.minor", b"0"), ("GNU.sparse.name", b"s"),
                  ("GNU.sparse.realsize", b"9000")) + header(b"x", size=b"1004")
    + b"2\n0\n2\n8000\n2\n".ljust(512, b"\0") + b"abcd".ljust(512, b"\0") + END,
    "zip": zipped(("d/a", b"x" * 300, 0o644), ("l", b"d/a", 0o120777)),
    "gz": gzip.compress(tar(*MIXED)),
    "xz": lzma.compress(tar(*MIXED)),
}  # fmt: skip


def test_the_good_ones_are_good(target: Path) -> None:
    for data in GOOD.values():
        unpack(data, target)
    assert archives.header(b"a")[257:262] == b"ustar"


def test_another_thread_can_stop_it(full: Path) -> None:
    (full.parent.parent / "archive").write_bytes(GOOD["tar"])
    before = snapshot(full)
    with pytest.raises(Interrupted):
        prepare(SourceSpec("tarball", str(full.parent.parent / "archive")), full, Unwanted())
    assert snapshot(full) == before
    assert holders(full.parent) == []


@pytest.mark.parametrize("kind", ["gz", "bz2", "xz", "zst"])
def test_what_gives_nothing_for_long_can_be_given_up(kind: str, tmp_path: Path) -> None:
    """A file of nothing but empty streams is read for ever, so to speak, and not one byte comes."""
    empty = {
        "gz": gzip.compress(b""),
        "bz2": bz2.compress(b""),
        "xz": lzma.compress(b""),
        "zst": zstandard.compress(b""),
    }
    (tmp_path / "empties").write_bytes(empty[kind] * ((48 << 20) // len(empty[kind])))

    class GoneError(Exception):
        pass

    calls = iter(range(2))

    def wanted() -> None:
        if next(calls, None) is None:
            raise GoneError

    with (tmp_path / "empties").open("rb") as file:
        with closing(Unpacked(file, kind, Limits(1 << 30, 1000, 200), wanted)) as unpacked, pytest.raises(GoneError):
            unpacked.read(1)
        assert file.tell() < (48 << 20) // len(empty) * len(empty)
