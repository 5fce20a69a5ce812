"""The manifest: every change of a tree is named; contents are read again only where they may differ."""

from __future__ import annotations

import mmap
import os
from pathlib import Path

import pytest

from runnerlib.runner.sandbox import manifest
from runnerlib.runner.sandbox.manifest import changes, summary, take


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    for name in ("a", "d/b", "d/e/c"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(name)
        (tmp_path / name).chmod(0o644)
    (tmp_path / "link").symlink_to("a")
    for path in tmp_path.rglob("*"):  # older than the tick of a clock
        if path.is_file():
            os.utime(path)
    return tmp_path


def replaced_by_link(path: Path) -> None:
    path.unlink()
    path.symlink_to("b")


CHANGES = {
    "'a' has another content": lambda tree: (tree / "a").write_text("b"),
    "'d/e/c' has the mode 0755, not 0644": lambda tree: (tree / "d/e/c").chmod(0o755),
    "'d/new' is new": lambda tree: (tree / "d/new").mkdir(),
    "'d/b' is gone": lambda tree: (tree / "d/b").unlink(),
    "'a' is of another type": lambda tree: replaced_by_link(tree / "a"),
    "'link' has another target": lambda tree: ((tree / "link").unlink(), (tree / "link").symlink_to("d")),
    "'.' has the mode 0700, not 0755": lambda tree: tree.chmod(0o700),
    "'d/b' has other attributes": lambda tree: os.setxattr(tree / "d/b", "user.x", b"1"),
}


@pytest.mark.parametrize("how", CHANGES)
def test_a_change_is_named(how: str, tree: Path) -> None:
    tree.chmod(0o755)
    before = take(tree)
    assert changes(before, take(tree, before)) == []
    CHANGES[how](tree)
    assert changes(before, take(tree, before)) == [how]


def test_a_content_that_was_put_back_is_no_change_and_is_read_every_time_from_then_on(tree: Path) -> None:
    before = take(tree)
    (tree / "a").write_text("x")
    (tree / "a").write_text("a")
    os.utime(tree / "d/b", (0, 0))
    after = take(tree, before)
    assert changes(before, after) == []
    assert changes(before, after, times=True) == ["'a' has another time", "'d/b' has another time"]
    file = os.open(tree / "a", os.O_RDWR)
    with mmap.mmap(file, 1) as memory:
        memory[:] = b"a"  # the page is dirty from here on: what is written to it moves no clock
        after = take(tree, after)
        memory[:] = b"X"
        assert changes(before, take(tree, after)) == ["'a' has another content"]
    os.close(file)


def test_contents_are_not_read_again(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[str] = []
    usual = manifest._digest
    monkeypatch.setattr(manifest, "_TICK", -(1 << 62))  # every file is old
    before = take(tree)
    monkeypatch.setattr(manifest, "_digest", lambda name, directory: (read.append(name), usual(name, directory))[1])
    (tree / "d/b").write_text("other")
    assert changes(before, take(tree, before)) == ["'d/b' has another content"]
    assert read == ["b"]


def test_a_tree_that_is_gone_or_led_elsewhere_is_a_change(tree: Path) -> None:
    root = tree / "d"
    before = take(root)
    root.rename(tree / "elsewhere")
    assert "'b' is gone" in changes(before, take(root, before))
    root.symlink_to("elsewhere")
    assert "'b' is gone" in changes(before, take(root, before))


def test_many_changes_are_counted() -> None:
    assert (
        summary([f"'{n}' is new" for n in range(7)])
        == "'0' is new, '1' is new, '2' is new, '3' is new, '4' is new and 2 more"
    )
