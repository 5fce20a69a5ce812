"""A program that saves and restores entries of a store until it is killed: `python -m tests.runner.cache.filling`."""

from __future__ import annotations

import sys
from pathlib import Path

from runnerlib._util.safe_tree import remove_tree
from runnerlib.runner.cache.content import Place, pack_paths, unpack_entry
from runnerlib.runner.cache.store import Entry, Store

FILES = 40
KEYS = 3
SHELF = "shelf"


def nothing() -> None:
    """Let the work go on."""


def content(key: str, number: int) -> bytes:
    return f"{key} {number} ".encode() * 500 * (number + 1)


def fill(directory: Path, key: str) -> None:
    for number in range(FILES):
        path = directory / "tree" / str(number % 7) / str(number)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content(key, number))


def check(directory: Path, key: str) -> None:
    """Raise unless the directory has what `fill` made, whole."""
    found = {path.name: path.read_bytes() for path in (directory / "tree").rglob("*") if path.is_file()}
    assert found == {str(number): content(key, number) for number in range(FILES)}, key


def save(store: Store, directory: Path, key: str) -> None:
    with store.making(SHELF, key) as draft:
        pack_paths(directory, ["tree"], draft.place, draft.meta, nothing)


def restore(entry: Entry, base: Path, name: str) -> Path:
    directory = base / name
    directory.mkdir()
    assert unpack_entry(entry, Place(directory, base), nothing) == []
    return directory


def main(top: str, own: str) -> None:
    store, base = Store(Path(top), 1 << 20, 3600.0), Path(own)
    tight = Store(Path(top), 1, 3600.0)
    turn = 0
    while True:
        turn += 1
        key = f"key {turn % KEYS}"
        with store.held(SHELF, key) as entry:
            if entry is not None:
                check(restore(entry, base, f"restored {turn}"), key)
                remove_tree(base / f"restored {turn}")
            else:
                fill(base / f"made {turn}", key)
                save(store, base / f"made {turn}", key)
                remove_tree(base / f"made {turn}")
        if turn % 5 == 0:
            tight.prune()
        print(turn, flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
