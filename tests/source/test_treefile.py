"""Trees in files: what comes out is what went in, and a file that is no tree is an error and nothing else."""

from __future__ import annotations

import os
import random
import stat
import struct
from pathlib import Path

import pytest

from runnerlib.source import _treefile
from runnerlib.source.treefile import pack, seal, unpack

LARGE = 128 << 10


def look(top: Path) -> dict[str, tuple[object, ...]]:
    """Everything that is kept of a tree, found with Python's own means."""
    found: dict[str, tuple[object, ...]] = {}
    for directory, directories, files in os.walk(os.fsencode(top)):
        for name in directories + files:
            path = os.path.join(directory, name)
            status = os.lstat(path)
            shown = os.fsdecode(os.path.relpath(path, os.fsencode(top)))
            if stat.S_ISLNK(status.st_mode):
                found[shown] = ("link", os.readlink(path), status.st_mtime_ns)
            elif stat.S_ISDIR(status.st_mode):
                found[shown] = ("directory", status.st_mode & 0o1777)
            else:
                content = Path(os.fsdecode(path)).read_bytes()
                found[shown] = ("file", content, status.st_mode & 0o1777, status.st_mtime_ns)
    return found


def grow(top: Path, chance: random.Random, files: int) -> None:
    """A tree with everything that a work tree can have, and some that it cannot."""
    names = [b"plain", b"with space", b"new\nline", b"-dash", b"\xff\xfe", b".hidden", b"n" * 255, "ü".encode()]
    places = [os.fsencode(top)]
    os.mkdir(places[0])
    for number in range(files):
        name = os.path.join(chance.choice(places), chance.choice(names)[: 255 - 6] + b"%d" % number)
        kind = chance.random()
        if kind < 0.2:
            os.mkdir(name)
            os.chmod(name, chance.choice([0o755, 0o700, 0o1777, 0o711]))
            places.append(name)
        elif kind < 0.3:
            os.symlink(chance.choice([b"../..", b"/etc/passwd", b"dangling", b"l" * 4000]), name)
            os.utime(name, ns=(5, chance.randrange(2**60)), follow_symlinks=False)
        else:
            size = chance.choice([0, 1, 100, 4096, LARGE - 1, LARGE, LARGE + 1, 300_000])
            with open(name, "wb") as opened:
                opened.write(chance.randbytes(size))
            os.chmod(name, chance.choice([0o644, 0o755, 0o600, 0o444, 0o666, 0o4755, 0o2755]))
            os.utime(name, ns=(5, chance.choice([0, 1, -1_500_000_000, 2**60, 1_700_000_000_123_456_789])))


@pytest.mark.parametrize("mask", [0o022, 0o077, 0o000])
def test_what_comes_out_is_what_went_in(mask: int, tmp_path: Path) -> None:
    chance = random.Random(mask)
    before = os.umask(mask)
    try:
        for number in range(6):
            grow(tmp_path / f"tree{number}", chance, chance.choice([0, 1, 20, 150]))
            pack(tmp_path / f"tree{number}", tmp_path / f"file{number}")
            known = seal(tmp_path / f"file{number}")
            (tmp_path / f"copy{number}").mkdir()
            assert unpack(tmp_path / f"file{number}", tmp_path / f"copy{number}", known)
            assert look(tmp_path / f"copy{number}") == {
                name: (*what[:2], what[2] & 0o1777, *what[3:]) if what[0] == "file" else what
                for name, what in look(tmp_path / f"tree{number}").items()
            }
    finally:
        os.umask(before)
    assert (tmp_path / "file0").stat().st_mode & 0o777 == 0o600 & ~mask


def test_many_files_in_one_directory_and_many_directories(tmp_path: Path) -> None:
    (tmp_path / "tree").mkdir()
    for number in range(3000):
        (tmp_path / f"tree/{number}").write_text(f"{number}" * (number % 300))
    for number in range(300):
        (tmp_path / f"tree/d/{number}/deep/er").mkdir(parents=True)
        (tmp_path / f"tree/d/{number}/deep/er/file").write_text("x")
    pack(tmp_path / "tree", tmp_path / "file")
    (tmp_path / "copy").mkdir()
    assert unpack(tmp_path / "file", tmp_path / "copy", seal(tmp_path / "file"))
    assert look(tmp_path / "copy") == look(tmp_path / "tree")


def test_modes_are_right_under_a_default_acl(tmp_path: Path) -> None:
    """The kernel asks a directory's default ACL, if it has one, instead of the umask."""
    (tmp_path / "tree/d").mkdir(parents=True)
    (tmp_path / "tree/d/file").write_text("x")
    (tmp_path / "tree/d/file").chmod(0o755)
    pack(tmp_path / "tree", tmp_path / "file")
    (tmp_path / "copy").mkdir()
    # user::rwx, group::---, other::---
    entries = b"".join(struct.pack("<HHI", tag, mode, 0xFFFFFFFF) for tag, mode in ((1, 7), (4, 0), (32, 0)))
    try:
        os.setxattr(tmp_path / "copy", "system.posix_acl_default", struct.pack("<I", 2) + entries)
    except OSError as error:
        pytest.skip(f"no access control lists here: {error.strerror}")
    assert unpack(tmp_path / "file", tmp_path / "copy", seal(tmp_path / "file"))
    assert look(tmp_path / "copy") == look(tmp_path / "tree")


def test_nothing_is_shared_with_the_tree(tmp_path: Path) -> None:
    (tmp_path / "tree").mkdir()
    (tmp_path / "tree/one").write_text("one")
    os.link(tmp_path / "tree/one", tmp_path / "tree/two")
    pack(tmp_path / "tree", tmp_path / "file")
    (tmp_path / "copy").mkdir()
    assert unpack(tmp_path / "file", tmp_path / "copy", seal(tmp_path / "file"))
    assert (tmp_path / "copy/one").stat().st_nlink == 1
    (tmp_path / "copy/one").write_text("changed")
    assert (tmp_path / "copy/two").read_text() == (tmp_path / "tree/one").read_text() == "one"


@pytest.mark.parametrize("make", [os.mkfifo, lambda path: os.mknod(path, stat.S_IFSOCK)], ids=["fifo", "socket"])
def test_what_is_no_file_is_refused_by_name(make: object, tmp_path: Path) -> None:
    (tmp_path / "tree/below").mkdir(parents=True)
    make(tmp_path / "tree/below/odd")  # type: ignore[operator]
    with pytest.raises(OSError, match="Invalid argument") as caught:
        pack(tmp_path / "tree", tmp_path / "file")
    assert caught.value.filename == "below/odd"


def test_what_is_there_already_is_not_written_over(tmp_path: Path) -> None:
    (tmp_path / "tree").mkdir()
    (tmp_path / "tree/a").write_text("new")
    pack(tmp_path / "tree", tmp_path / "file")
    (tmp_path / "copy").mkdir()
    (tmp_path / "copy/a").symlink_to(tmp_path / "outside")
    with pytest.raises(FileExistsError) as caught:
        read(tmp_path / "file", tmp_path / "copy")
    assert caught.value.filename == "a"
    assert not (tmp_path / "outside").exists()
    with pytest.raises(FileExistsError):
        pack(tmp_path / "tree", tmp_path / "file")


def read(file: Path, tree: Path, stop: bytearray | None = None) -> tuple[int, int]:
    """Without the seal: what is in the file has to be enough."""
    source, made = os.open(file, os.O_RDONLY), os.open(tree, os.O_RDONLY | os.O_DIRECTORY)
    try:
        return _treefile.read(source, made, 2, stop or bytearray(1))
    finally:
        os.close(source)
        os.close(made)


def test_counts(tmp_path: Path) -> None:
    (tmp_path / "tree/d").mkdir(parents=True)
    (tmp_path / "tree/d/a").write_bytes(b"x" * 10)
    (tmp_path / "tree/b").write_bytes(b"x" * (LARGE + 5))
    (tmp_path / "tree/link").symlink_to("b")
    pack(tmp_path / "tree", tmp_path / "file")
    (tmp_path / "copy").mkdir()
    assert read(tmp_path / "file", tmp_path / "copy") == (2, LARGE + 15)


def test_a_seal_that_does_not_fit_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "tree").mkdir()
    (tmp_path / "tree/one").write_text("one")
    pack(tmp_path / "tree", tmp_path / "file")
    (tmp_path / "copy").mkdir()
    assert not unpack(tmp_path / "file", tmp_path / "copy", "another")
    assert list((tmp_path / "copy").iterdir()) == []


def test_what_is_left_out_is_left_out_at_the_top_only(tmp_path: Path) -> None:
    for place in ("tree/.git", "tree/d/.git", "tree/.github"):
        (tmp_path / place).mkdir(parents=True)
    pack(tmp_path / "tree", tmp_path / "file", ".git")
    (tmp_path / "copy").mkdir()
    assert unpack(tmp_path / "file", tmp_path / "copy", seal(tmp_path / "file"))
    assert sorted(look(tmp_path / "copy")) == [".github", "d", "d/.git"]


def test_nobody_wants_it_any_more(tmp_path: Path) -> None:
    class GoneError(Exception):
        pass

    def gone() -> None:
        raise GoneError

    grow(tmp_path / "tree", random.Random(1), 50)
    with pytest.raises(GoneError):
        pack(tmp_path / "tree", tmp_path / "half", wanted=gone)
    pack(tmp_path / "tree", tmp_path / "file")
    (tmp_path / "copy").mkdir()
    with pytest.raises(GoneError):
        unpack(tmp_path / "file", tmp_path / "copy", seal(tmp_path / "file"), gone)
    (tmp_path / "other").mkdir()
    with pytest.raises(OSError, match="canceled"):
        read(tmp_path / "file", tmp_path / "other", bytearray(b"\1"))
    assert list((tmp_path / "other").iterdir()) == []


def small(top: Path) -> bytes:
    """The bytes of a file with some of everything, to be spoiled."""
    (top / "tree/d/e").mkdir(parents=True)
    (top / "tree/a").write_text("content")
    (top / "tree/d/b").write_text("content")
    (top / "tree/d/e/c").write_bytes(b"x" * (LARGE + 1))
    (top / "tree/d/link").symlink_to("../..")
    pack(top / "tree", top / "file")
    return (top / "file").read_bytes()


def tries(data: bytes, top: Path) -> bool:
    """Read a file with these bytes; whether it was believed, nothing is anywhere but in its tree."""
    place = top / "arena"
    (place / "copy").mkdir(parents=True)
    (place / "file").write_bytes(data)
    try:
        read(place / "file", place / "copy")
        done = True
    except OSError as error:
        assert error.errno is not None
        done = False
    assert sorted(path.name for path in place.iterdir()) == ["copy", "file"]
    for path in place.rglob("*"):
        assert path.lstat().st_mode & 0o6000 == 0
    os.rename(place, top / f"done{len(list(top.iterdir()))}")
    return done


def test_spoiled_bytes_are_an_error_and_nothing_else(tmp_path: Path) -> None:
    data, chance = small(tmp_path), random.Random(7)
    assert tries(data, tmp_path)
    # Where the structure is: the blocks are behind the large file, which is at the beginning.
    first = data.rindex(b"x" * 100) + 100
    for _ in range(400):
        spoiled = bytearray(data)
        for _ in range(chance.choice([1, 1, 2, 8])):
            spoiled[chance.randrange(first, len(data))] = chance.choice([0, 1, 0x2E, 0x2F, 0x7F, 0x80, 0xFF])
        tries(bytes(spoiled), tmp_path)


@pytest.mark.parametrize("length", [0, 1, 47, 48, 100])
def test_a_short_file_is_an_error(length: int, tmp_path: Path) -> None:
    data = small(tmp_path)
    assert not tries(data[:length], tmp_path)
    assert not tries(data[: len(data) - 1 - length], tmp_path)


@pytest.mark.parametrize("name", [b"..", b"a/b", b"/etc", b".", b"", b"x\0y"])
def test_a_name_that_leads_elsewhere_is_an_error(name: bytes, tmp_path: Path) -> None:
    """A file made by hand, true in everything but the name of its one entry."""
    block = struct.pack("=QQqIIII", 0, 0, 0, 0, 0o100644, len(name), 0) + name
    table = struct.pack("=QIIII", 0, len(block), 1, 0, 0)
    tail = b"RLTREE1\0" + struct.pack("=QQQQQ", len(block), len(table), 1, 0, 1)
    (tmp_path / "one").mkdir()
    assert not tries(block + table + tail, tmp_path / "one")
    good = struct.pack("=QQqIIII", 0, 0, 0, 0, 0o100644, len(name), 0) + b"n" * len(name)
    assert tries(good + table + tail, tmp_path / "one") == bool(name)


@pytest.mark.parametrize("path", [b"../", b"a/../../", b"/", b"a", b"a//", b"./"])
def test_a_directory_that_leads_elsewhere_is_an_error(path: bytes, tmp_path: Path) -> None:
    table = struct.pack("=QIIII", 0, 0, 0, 0o40755, len(path)) + path
    tail = b"RLTREE1\0" + struct.pack("=QQQQQ", 0, len(table), 0, 0, 1)
    (tmp_path / "one").mkdir()
    assert not tries(table + tail, tmp_path / "one")
    table = struct.pack("=QIIII", 0, 0, 0, 0o40755, 2) + b"d/"
    tail = b"RLTREE1\0" + struct.pack("=QQQQQ", 0, len(table), 0, 0, 1)
    assert tries(table + tail, tmp_path / "one")


@pytest.mark.parametrize("deep", [b"", b"b/"])
def test_an_entry_that_is_a_link_leads_nowhere(deep: bytes, tmp_path: Path) -> None:
    """The block of a directory is filled by its name from the top, and an earlier one may have made that a link."""
    (tmp_path / "victim/b").mkdir(parents=True)
    target = os.fsencode(tmp_path / "victim")
    link = struct.pack("=QQqIIII", len(target), 0, 0, 0, 0o120777, 1, 0) + b"a" + target
    file = struct.pack("=QQqIIII", 5, 0, 0, 0, 0o100644, 5, 0) + b"pwnedhello"
    path = b"a/" + deep
    table = struct.pack("=QIIII", 0, len(link), 1, 0o700, 0)
    table += struct.pack("=QIIII", len(link), len(file), 1, 0, len(path)) + path
    tail = b"RLTREE1\0" + struct.pack("=QQQQQ", len(link) + len(file), len(table), 1, 5, 2)
    (tmp_path / "one").mkdir()
    assert not tries(link + file + table + tail, tmp_path / "one")
    assert [path.name for path in (tmp_path / "victim").rglob("*")] == ["b"]
