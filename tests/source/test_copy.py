"""The copy handler: faithful for honest trees, safe with hostile ones."""

from __future__ import annotations

import os
import shutil
import socket
import stat
import subprocess
import sys
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runnerlib.errors import Interrupted, SourceError
from runnerlib.source import SourceSpec, prepare
from runnerlib.source import copy_tree as copying
from runnerlib.source.exclusion import excluded, of_file
from runnerlib.source.symlinks import leads_out
from tests.source.repository import Unwanted, git, holders, snapshot

NAMES = st.binary(min_size=1, max_size=6).filter(lambda name: name not in {b".", b".."} and not set(name) & {0, 47})
TIMES = st.integers(0, 2**31 * 10**9)
FILES = st.tuples(st.just("file"), st.binary(max_size=50), st.integers(0, 0o7777), TIMES)
LINKS = st.tuples(st.just("link"), st.lists(st.sampled_from([b"..", b".", b"a", b"b", b"x/y"]), min_size=1), TIMES)
TREES = st.recursive(
    st.dictionaries(NAMES | st.sampled_from([b"a", b"b"]), FILES | LINKS, max_size=4),
    lambda inner: st.dictionaries(
        NAMES | st.sampled_from([b"a", b"b"]),
        FILES | LINKS | st.tuples(st.just("dir"), inner, st.integers(0, 0o7777), TIMES),
        max_size=4,
    ),
    max_leaves=12,
)


def build(where: Path, tree: dict[bytes, tuple]) -> None:
    """Make `tree` in the directory `where`."""
    for name, (kind, content, *rest) in tree.items():
        path = where / os.fsdecode(name)
        if kind == "link":
            path.symlink_to(os.fsdecode(b"/".join(content)))
        elif kind == "dir":
            path.mkdir()
            build(path, content)
            path.chmod(rest[0])
        else:
            path.write_bytes(content)
            path.chmod(rest[0])
        os.utime(path, ns=(rest[-1], rest[-1]), follow_symlinks=False)


def expected(found: dict[str, tuple[object, ...]]) -> dict[str, tuple[object, ...]]:
    """Return a snapshot as a copy of it must look: without setuid and setgid."""
    return {path: (mode & ~0o6000, time, content) for path, (mode, time, content) in found.items()}


@pytest.mark.skipif(os.getuid() != 0, reason="only root reads files of every mode")
@settings(max_examples=80, deadline=None, derandomize=True)
@given(TREES)
def test_a_random_tree_is_copied_equal_or_refused_for_a_link(tree: dict[bytes, tuple]) -> None:
    with tempfile.TemporaryDirectory() as room:
        source, target = Path(room, "in", "source"), Path(room, "out", "target")
        source.mkdir(parents=True)
        build(source, tree)
        try:
            prepare(SourceSpec("copy", str(source)), target)
        except SourceError as error:
            assert "leads out of source" in str(error)
            assert b".." in repr(tree).encode()
            assert not target.exists()
            return
        assert snapshot(target) == expected(snapshot(source))
        for path in target.rglob("*"):
            with suppress(OSError, RuntimeError):  # dangling, or a loop
                assert path.resolve(strict=True).is_relative_to(target)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """Return a small source."""
    made = tmp_path / "source"
    (made / "empty").mkdir(parents=True)
    (made / "run").write_text("#!/bin/sh\n")
    (made / "run").chmod(0o755)
    (made / "link").symlink_to("empty/../run")
    return made


def copy(source: Path | str, target: Path) -> None:
    """Prepare a copy."""
    prepare(SourceSpec("copy", str(source)), target)


def refused(source: Path | str, target: Path) -> str:
    """Return the message of a copy that must fail and leave the target as it is."""
    before = snapshot(target) if target.exists() else None
    with pytest.raises(SourceError) as caught:
        copy(source, target)
    assert (snapshot(target) if target.exists() else None) == before
    assert holders(target.parent) == []
    return str(caught.value)


def test_setuid_is_dropped_sticky_kept(source: Path, tmp_path: Path) -> None:
    (source / "run").chmod(0o6755)
    (source / "empty").chmod(0o3777)
    copy(source, tmp_path / "target")
    assert stat.S_IMODE((tmp_path / "target/run").stat().st_mode) == 0o755
    assert stat.S_IMODE((tmp_path / "target/empty").stat().st_mode) == 0o1777


@pytest.mark.parametrize("text", ["/etc/passwd", "..", "../source/run", "empty/../../x", "up/../..", "missing/../../x"])
def test_links_that_lead_out(text: str, source: Path, full: Path) -> None:
    (source / "empty" / "up").symlink_to("..")
    (source / "bad").symlink_to(text)
    assert refused(source, full) == f"symbolic link 'bad' to '{text}' leads out of source '{source}'"


def test_an_absolute_link_into_the_source_is_refused_too(source: Path, full: Path) -> None:
    (source / "bad").symlink_to(source / "run")
    assert "'bad'" in refused(source, full)


def test_loops_and_dangling_links_stay(source: Path, tmp_path: Path) -> None:
    for name, text in {
        "self": "self",
        "one": "two",
        "two": "one/x",
        "gone": "no/where",
        "up": "empty/..",
    }.items():
        (source / name).symlink_to(text)
    copy(source, tmp_path / "target")
    assert snapshot(tmp_path / "target") == snapshot(source)


def test_a_chain_of_links_that_leads_out() -> None:
    links = {"a/b/up": "../..", "a/b/out": "up/../x", "in": "a/b/up/a", "abs": "in/b/deep", "a/b/deep": "/"}
    assert [leads_out(link, links) for link in links] == [False, True, False, True, True]


def test_special_files(source: Path, full: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    os.mkfifo(source / "empty" / "pipe")
    assert refused(source, full) == f"'empty/pipe' in source '{source}' is a fifo, not to be copied"
    (source / "empty" / "pipe").unlink()
    monkeypatch.chdir(source)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind("door")
        assert "'door'" in refused(source, full)


def test_source_that_is_no_directory(source: Path, full: Path) -> None:
    assert refused("no/where", full) == "source 'no/where' is no readable directory: no such file or directory"
    assert "not a directory" in refused(source / "run", full)
    assert "no such file" in refused("~", full)


def test_source_and_target_in_each_other(full: Path) -> None:
    assert "is the target itself" in refused(full, full)
    assert "lies inside the target" in refused(full / "deep", full)
    (full.parent / "alias").symlink_to(full)
    assert "is the target itself" in refused(full.parent / "alias", full)


@pytest.mark.parametrize("at", ["job/src", "job", "a/b/c/d"])
def test_the_workspace_inside_the_source_is_left_out(at: str, source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (source / at).mkdir(parents=True)
    (source / at / "old").write_text("old")
    monkeypatch.chdir(source)
    for _again in range(2):
        copy(".", Path(at))
        assert sorted(path.name for path in (source / at).iterdir()) == ["empty", "link", "run"]
        assert sorted(path.name for path in source.iterdir()) == sorted(["empty", "link", "run", Path(at).parts[0]])


def test_deeper_than_recursion_descriptors_and_paths_reach(tmp_path: Path) -> None:
    (tmp_path / "source").mkdir()
    here = os.open(tmp_path / "source", os.O_RDONLY)
    for _level in range(1100):
        os.mkdir("a-directory", dir_fd=here)
        below = os.open("a-directory", os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = below
    os.close(here)
    copy(tmp_path / "source", tmp_path / "target")
    (tmp_path / "empty").mkdir()
    for name in ("source", "target"):
        copy(tmp_path / "empty", tmp_path / name)
        assert list((tmp_path / name).iterdir()) == []


def test_a_directory_swapped_for_a_link_leads_nowhere(
    source: Path, full: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (source / "empty" / "x").write_text("mine")
    entries = copying.entries

    def swap(where: int) -> list[os.DirEntry[str]]:
        found = entries(where)
        if (source / "empty").is_dir() and not (source / "empty").is_symlink():
            (source / "empty").rename(source / "away")
            (source / "empty").symlink_to("/etc")
        return found

    monkeypatch.setattr(copying, "entries", swap)
    said = refused(source, full)
    assert said.startswith("copying 'empty' of source") or "leads out" in said


def test_a_file_that_vanishes(source: Path, full: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    entries = copying.entries
    (source / "ghost").write_text("x")

    def listed(where: int) -> list[os.DirEntry[str]]:
        found = entries(where)
        (source / "ghost").unlink(missing_ok=True)
        return found

    monkeypatch.setattr(copying, "entries", listed)
    assert refused(source, full) == f"copying 'ghost' of source '{source}' failed: no such file or directory"


NOBODY = """
import os, sys
from pathlib import Path
from runnerlib.errors import Interrupted, SourceError
from runnerlib.source import SourceSpec, copy, prepare
room = Path(sys.argv[1])
if os.getuid() == 0:  # after the imports: another user may not read this Python
    os.setgroups([])
    os.setgid(65534)
    os.setuid(65534)
(room / "source/shut").mkdir(parents=True)
(room / "source/shut/file").write_text("x")
(room / "source/shut/file").chmod(0o400)
(room / "source/shut").chmod(0o500)
(room / "source").chmod(0o500)
for again in range(2):
    prepare(SourceSpec("copy", str(room / "source")), room / "job/src")
    assert (room / "job/src").stat().st_mode & 0o777 == 0o500
    assert (room / "job/src/shut/file").read_text() == "x"
(room / "job/src/shut").chmod(0o000)
prepare(SourceSpec("copy", str(room / "source")), room / "job/src")
(room / "source/shut/file").chmod(0o000)
try:
    prepare(SourceSpec("copy", str(room / "source")), room / "job/src")
except SourceError as error:
    assert "copying 'shut/file' of source" in str(error) and "permission denied" in str(error), error
else:
    raise AssertionError
assert [path.name for path in (room / "job").iterdir()] == ["src"]
"""


def test_read_only_directories_and_unreadable_files_without_root() -> None:
    room = Path(tempfile.mkdtemp())
    try:
        if os.getuid() == 0:
            os.chown(room, 65534, 65534)
        root = Path(__file__).parents[2]
        command = [sys.executable, "-c", NOBODY, str(room)]
        done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
    finally:
        for path in (room, *room.rglob("*")):
            if path.is_dir() and not path.is_symlink():
                path.chmod(0o700)
        shutil.rmtree(room)


def holes(path: Path) -> list[int]:
    """Return the places where data begins and ends in a file."""
    found, end = [], 0
    with open(path, "rb") as file, suppress(OSError):
        while True:
            start = os.lseek(file.fileno(), end, os.SEEK_DATA)
            end = os.lseek(file.fileno(), start, os.SEEK_HOLE)
            found += [start, end]
    return found


@pytest.mark.parametrize("data", [(), (0,), (5 << 20,), (0, 3 << 20, 9 << 20), ((10 << 20) - 4,)])
def test_holes_stay_holes(data: tuple[int, ...], source: Path, full: Path) -> None:
    with open(source / "holes", "wb") as file:
        file.truncate(10 << 20)
        for place in data:
            file.seek(place)
            file.write(b"data")
    copy(source, full)
    assert (full / "holes").read_bytes() == (source / "holes").read_bytes()
    assert holes(full / "holes") == holes(source / "holes")


def test_files_that_shrink_grow_or_have_no_size(source: Path, full: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (source / "grows").write_bytes(b"x" * 10000)
    (source / "shrinks").write_bytes(b"y" * 10000)
    copy_data = copying.copy_data

    def changed(original: int, made: int, found: os.stat_result, wanted: Callable[[], None]) -> None:
        (source / "grows").write_bytes(b"x" * 20000)
        (source / "shrinks").write_bytes(b"y" * 5)
        copy_data(original, made, found, wanted)

    monkeypatch.setattr(copying, "copy_data", changed)
    copy(source, full)
    assert (full / "shrinks").read_bytes() in {b"y" * 5, b"y" * 10000}
    assert (full / "grows").read_bytes() in {b"x" * 10000, b"x" * 20000}
    monkeypatch.undo()
    copy("/proc/self/net/stat" if Path("/proc/self/net/stat").is_dir() else source, full)


def copied(source: Path, target: Path, *patterns: str, **files: str) -> set[str]:
    """Return the files that a copy with exclusions has."""
    pairs = [("exclude", pattern) for pattern in patterns] + [("exclude-from", file) for file in files.values()]
    prepare(SourceSpec("copy", str(source), None, tuple(pairs)), target)
    return {path.relative_to(target).as_posix() for path in target.rglob("*")}


def test_exclusions(source: Path, full: Path) -> None:
    for path in ("a.o", "src/b.o", "src/keep.o", "node_modules/x/y", "src/node_modules", "build/out", "src/build/in"):
        (source / path).parent.mkdir(parents=True, exist_ok=True)
        (source / path).write_text("x")
    os.mkfifo(source / "fifo")
    (source / "bad").symlink_to("/etc")
    patterns = ["*.o", "!keep.o", "node_modules/", "/build", "fifo", "bad"]
    expected = {"run", "link", "empty", "src", "src/keep.o", "src/node_modules", "src/build", "src/build/in"}
    assert copied(source, full, *patterns) == expected
    (source / "ignored").write_text("# comment\n\n" + "\n".join(patterns) + "\nignored\n")
    assert copied(source, full, file="ignored") == expected
    assert "run" not in copied(source, full, "run", file="ignored")


@pytest.mark.parametrize(
    ("option", "value", "said"),
    [
        ("exclude", "/", "exclusion '/' names nothing"),
        ("exclude", "!", "exclusion '!' names nothing"),
        ("exclude-from", "/etc/passwd", "option 'exclude-from' is '/etc/passwd'; the path of a file in the source"),
        ("exclude-from", "../x", "the path of a file in the source is expected"),
        ("exclude-from", "none", "'none' of source '.*' cannot be read: no such file"),
        ("exclude-from", "link", "'link' of source '.*' cannot be read: too many levels"),
        ("exlude", "x", r"unknown option of source type 'copy' 'exlude'; did you mean"),
    ],
)
def test_exclusions_that_make_no_sense(option: str, value: str, said: str, source: Path, full: Path) -> None:
    before = snapshot(full)
    with pytest.raises(SourceError, match=said):
        prepare(SourceSpec("copy", str(source), None, ((option, value),)), full)
    assert snapshot(full) == before


WORDS = st.lists(st.sampled_from(["a", "b", "ab", "c"]), min_size=1, max_size=4).map("/".join)
GLOBS = st.lists(st.sampled_from(["a", "b", "*", "?b", "[ab]", "[!a]", "**", "a*", "c"]), min_size=1, max_size=4)
LINES = st.tuples(st.sampled_from(["", "!", "/", "!/"]), GLOBS.map("/".join), st.sampled_from(["", "", "/"])).map(
    "".join
)
# With escapes and classes, over names that need them.
ODD = list("ab-]!^[\\*?#: 1")
ODD_NAMES = st.text(st.sampled_from(ODD), min_size=1, max_size=3).filter(lambda name: name.strip() == name)
ODD_CLASSES = ["[ab]", "[^a]", "[!]]", "[]a]", "[a-c]", "[\\]a]", "[a\\-]", "[!-+]", "[--b]", "[]-a]", "[\\^]", "[[a]"]
ODD_CLASSES += ["[[:alpha:]]", "[^[:digit:]a]", "[[:punct:]", "[[:odd:]]", "[a-", "[b-a]"]
ODD_PIECES = st.sampled_from([*ODD, *(f"\\{char}" for char in ODD), *ODD_CLASSES])
ODD_LINES = st.tuples(
    st.sampled_from(["", "", "!", "/", "\\"]), st.lists(ODD_PIECES, min_size=1, max_size=3).map("".join)
).map("".join)


@settings(max_examples=40, deadline=None, derandomize=True)
@given(st.lists(LINES, min_size=1, max_size=4), st.lists(WORDS, min_size=1, max_size=12))
def test_patterns_mean_what_they_mean_to_git(lines: list[str], paths: list[str]) -> None:
    assert_git_agrees(lines, paths)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.lists(ODD_LINES, min_size=1, max_size=3), st.lists(ODD_NAMES, min_size=1, max_size=30))
def test_escapes_and_classes_mean_what_they_mean_to_git(lines: list[str], names: list[str]) -> None:
    assert_git_agrees(lines, names)


@pytest.mark.parametrize(
    ("line", "name"),
    [("\\#x", "#x"), ("\\!x", "!x"), ("a\\ ", "a "), ("a\\*", "a*"), ("a\\\\b", "a\\b"), (" a", " a"), ("a \r", "a")],
)
def test_what_a_backslash_is_for(line: str, name: str) -> None:
    assert_git_agrees([line], [name, "other", name.strip(), name.replace("*", "x")])
    assert excluded(name, False, of_file(line))


def test_a_file_of_patterns_may_hold_nonsense() -> None:
    lines = "\ufeff# comment\r\n!\r\n/\r\n\\\r\n[a\r\n*.o\r\n\x0c\n"
    assert [excluded(name, False, of_file(lines)) for name in ("x.o", "x", "\x0c", "[a")] == [True, False, True, False]


def assert_git_agrees(lines: list[str], paths: list[str]) -> None:
    with tempfile.TemporaryDirectory() as room:
        git(Path(room), "init", "-q")
        Path(room, ".gitignore").write_text("\n".join(lines) + "\n")
        for path in paths:
            with suppress(OSError):  # a file stands where a directory is needed
                Path(room, path).parent.mkdir(parents=True, exist_ok=True)
                Path(room, path).touch()
        listed = git(Path(room), "ls-files", "-z", "--others", "--exclude-standard").split("\0")
        patterns = of_file("\n".join([*lines, "/.git", "/.gitignore"]))
        found = {
            path.relative_to(room).as_posix()
            for path in Path(room).rglob("*")
            if path.is_file() and not left_out(path.relative_to(room), patterns)
        }
        assert found == set(listed) - {"", ".gitignore"}


def left_out(path: Path, patterns: tuple) -> bool:
    """Return whether a file, or a directory above it, is excluded."""
    parts = [path, *path.parents][:-1]
    return any(excluded(part.as_posix(), part != path, patterns) for part in parts)


def test_another_thread_can_stop_it(source: Path, full: Path) -> None:
    before = snapshot(full)
    with pytest.raises(Interrupted):
        prepare(SourceSpec("copy", str(source)), full, Unwanted())
    assert snapshot(full) == before
    assert holders(full.parent) == []
