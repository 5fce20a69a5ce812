"""Entries of the store are there whole or not at all, whatever is killed, and are bounded in size."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from runnerlib.runner.cache.content import Place, pack_paths, unpack_entry
from runnerlib.runner.cache.store import Store
from tests.runner.cache.filling import SHELF, check, fill, nothing, restore, save

ROOT = Path(__file__).parents[3]


@pytest.fixture
def store(tmp_path: Path) -> Store:
    made = Store(tmp_path / "cache", 1 << 30, 3600.0)
    assert made.why_not() is None
    return made


def rounds(top: Path, seed: int, kills: int) -> None:
    """Kill programs that share a store, each at a moment of its own; what is there afterwards is whole."""
    chance = random.Random(seed)
    store = Store(top / "cache", 1 << 30, 3600.0)
    assert store.why_not() is None
    for number in range(kills):
        running = []
        for one in range(2):
            own = top / f"{number}-{one}"
            own.mkdir()
            command = [sys.executable, "-m", "tests.runner.cache.filling", str(top / "cache"), str(own)]
            running.append(subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE))
        for child in running:
            assert child.stdout is not None
            for _ in range(chance.randrange(1, 12)):
                child.stdout.readline()
            for _ in range(chance.randrange(2000)):
                pass  # somewhere in the middle of what it does next
        for child in running:
            child.kill()
            assert child.wait() == -9, "it has found an entry that is not whole"
            assert child.stdout is not None
            child.stdout.close()
    for number in range(3):
        with store.held(SHELF, f"key {number}") as entry:
            if entry is not None:
                check(restore(entry, top, f"last {number}"), f"key {number}")
    store.prune()
    for shelf in (top / "cache/files").iterdir():
        left = [path for path in shelf.iterdir() if path.name.startswith(".") and (path / "lock").exists()]
        assert left == [], "remains of killed programs are removed"


def test_killed_programs_leave_no_half_entry(tmp_path: Path) -> None:
    rounds(tmp_path, 1, 2)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(5))
def test_many_killed_programs_leave_no_half_entry(tmp_path: Path, seed: int) -> None:
    rounds(tmp_path, seed, 20)


def test_an_entry_is_what_was_saved_and_never_changes(tmp_path: Path, store: Store) -> None:
    fill(tmp_path / "a", "k")
    (tmp_path / "a/tree/link").symlink_to("0/0")
    (tmp_path / "a/one.lock").write_text("x")
    os.chmod(tmp_path / "a/tree/0/0", 0o755)
    with store.making(SHELF, "k") as draft:
        notes = pack_paths(tmp_path / "a", ["tree", "*.lock", "*.none"], draft.place, draft.meta, nothing)
    assert notes == ["'*.none' names no file"]
    shutil.rmtree(tmp_path / "a/tree/1")
    save(store, tmp_path / "a", "k")
    with store.held(SHELF, "k") as entry:
        assert entry is not None
        restored = restore(entry, tmp_path, "b")
        (restored / "tree/link").unlink()
        check(restored, "k")
        assert (restored / "one.lock").read_text() == "x"
        assert os.stat(restored / "tree/0/0").st_mode & 0o777 == 0o755


def test_what_is_there_stays(tmp_path: Path, store: Store) -> None:
    fill(tmp_path / "a", "k")
    save(store, tmp_path / "a", "k")
    (tmp_path / "b/tree").mkdir(parents=True)
    (tmp_path / "b/tree/own").write_text("mine")
    with store.held(SHELF, "k") as entry:
        assert entry is not None
        assert unpack_entry(entry, Place(tmp_path / "b", tmp_path), nothing) == ["tree"]
        assert [path.name for path in (tmp_path / "b/tree").iterdir()] == ["own"]
        assert unpack_entry(entry, Place(tmp_path / "b", tmp_path), nothing, over=True) == []
    (tmp_path / "b/tree/own").unlink()
    check(tmp_path / "b", "k")


def test_a_link_on_the_way_is_refused(tmp_path: Path, store: Store) -> None:
    fill(tmp_path / "a", "k")
    with store.making(SHELF, "k") as draft:
        pack_paths(tmp_path / "a", ["tree/1"], draft.place, draft.meta, nothing)
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "b").mkdir()
    (tmp_path / "b/tree").symlink_to(tmp_path / "elsewhere")
    with store.held(SHELF, "k") as entry:
        assert entry is not None
        with pytest.raises(Exception, match="a link stands"):
            unpack_entry(entry, Place(tmp_path / "b", tmp_path), nothing)
    assert list((tmp_path / "elsewhere").iterdir()) == []
    shutil.copytree(tmp_path / "a/tree", tmp_path / "elsewhere", dirs_exist_ok=True)
    with pytest.raises(Exception, match="a link stands"), store.making(SHELF, "other") as draft:
        pack_paths(tmp_path / "b", ["tree/1"], draft.place, draft.meta, nothing)
    with store.held(SHELF, "other") as entry:
        assert entry is None


def test_damaged_entries_count_for_nothing(tmp_path: Path, store: Store) -> None:
    fill(tmp_path / "a", "k")
    save(store, tmp_path / "a", "k")
    with store.held(SHELF, "k") as entry:
        assert entry is not None
        with (entry.place / "0").open("r+b") as file:
            file.write(b"damage")
        assert unpack_entry(entry, Place(tmp_path / "a", tmp_path), nothing, over=True) is None
        store.discard(entry)
    with store.held(SHELF, "k") as entry:
        assert entry is None


def test_the_newest_entry_with_a_prefix(tmp_path: Path, store: Store) -> None:
    for key in ("pip-1", "pip-2", "npm-3"):
        fill(tmp_path / key, key)
        save(store, tmp_path / key, key)
    assert store.newest(SHELF, "pip-") == "pip-2"
    assert store.newest(SHELF, "") == "npm-3"
    assert store.newest(SHELF, "go-") is None
    assert store.newest("other", "pip-") is None


def test_least_recently_used_entries_go_first(tmp_path: Path, store: Store) -> None:
    for number, key in enumerate(("a", "b", "c")):
        fill(tmp_path / key, key)
        save(store, tmp_path / key, key)
        with store.held(SHELF, key) as entry:
            assert entry is not None
            size = entry.meta["size"]
            os.utime(entry.place, (1000 + number, 1000 + number))
    with store.held(SHELF, "a"):  # used last
        pass
    assert Store(tmp_path / "cache", 2 * size + 100, 1e10).prune() == 1
    there = {}
    for key in ("a", "b", "c"):
        with store.held(SHELF, key) as entry:
            there[key] = entry is not None
    assert there == {"a": True, "b": False, "c": True}


def test_an_entry_that_is_read_stays(tmp_path: Path, store: Store) -> None:
    for key in ("a", "b"):
        fill(tmp_path / key, key)
        save(store, tmp_path / key, key)
    with store.held(SHELF, "a") as entry:
        assert entry is not None
        os.utime(entry.place, (1000, 1000))
        assert Store(tmp_path / "cache", 1, 3600.0).prune() == 0
        check(restore(entry, tmp_path, "restored"), "a")
    assert Store(tmp_path / "cache", 1, 1e10).prune() == 1


def test_a_directory_of_others_is_no_store(tmp_path: Path) -> None:
    (tmp_path / "files").mkdir()
    (tmp_path / "files").chmod(0o777)
    assert "others can write to it" in str(Store(tmp_path, 1, 1).why_not())
    (tmp_path / "x").write_text("")
    assert Store(tmp_path / "x", 1, 1).why_not() == f"'{tmp_path}/x/files': not a directory"
