"""Swapping a new tree in: every state of the target, failures at every point, kills, mounts."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from runnerlib.errors import SourceError
from runnerlib.source import SourceSpec, prepare
from runnerlib.source import atomic_replace as place
from runnerlib.source.atomic_replace import replacing
from tests.source.mounts import need_mounts
from tests.source.repository import Origin, holders, snapshot
from tests.waiting import until_nobody_uses

if TYPE_CHECKING:
    from tests.source.smart_http import Server

ROOT = Path(__file__).parents[2]


def fill(made: Path) -> None:
    """Make a new tree."""
    (made / "new").mkdir(parents=True)
    (made / "new" / "file").write_text("new")
    (made / "out").symlink_to("/usr")


def is_new(target: Path) -> bool:
    """Tell whether the new tree, and nothing else, is in place."""
    return sorted(path.relative_to(target).as_posix() for path in target.rglob("*")) == [
        "new",
        "new/file",
        "out",
    ]


@pytest.mark.parametrize("state", ["absent", "no parent", "empty", "full", "relative"])
def test_target_states(state: str, full: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = {
        "absent": full.parent / "other",
        "no parent": full / "../x/y/z",
        "empty": full.parent / "empty",
    }.get(state, full)
    if state == "empty":
        target.mkdir()
    if state == "relative":
        monkeypatch.chdir(full.parent)
        target = Path(full.name)
    with replacing(target, print) as made:
        assert made.parent.stat().st_mode & 0o777 == 0o700
        assert made.parent.parent == target.parent.resolve()
        assert made.parent.name.startswith(".runnerlib-")
        fill(made)
    assert is_new(target)
    assert holders(target.parent) == []


@pytest.mark.parametrize("handler", ["copy", "git"])
def test_the_current_directory_keeps_its_inode(
    handler: str, full: Path, origin: Origin, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(full)
    inode = full.stat().st_ino
    prepare(SourceSpec(handler, str(origin.path)), Path())
    assert Path("file").read_text() == "main"
    assert not Path("deep").exists()
    assert full.stat().st_ino == inode
    assert holders(full, full.parent) == []


def test_targets_that_are_no_directory(full: Path) -> None:
    before = snapshot(full)
    (full.parent / "file").write_text("x")
    (full.parent / "link").symlink_to(full)
    for name in ("file", "link"):
        with (
            pytest.raises(SourceError, match=r"source target '.*' is (a symbolic link|no directory)"),
            replacing(full.parent / name, print),
        ):
            pass
    assert snapshot(full) == before


@pytest.mark.parametrize("at_cwd", [False, True])
@pytest.mark.parametrize("nth", range(8))
def test_a_failure_at_any_move_brings_everything_back(
    nth: int, at_cwd: bool, full: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if at_cwd:
        monkeypatch.chdir(full)
    before = snapshot(full)
    moves = 0
    move = place._move

    def failing(entry: Path, to: Path) -> None:
        nonlocal moves
        moves += 1
        if moves == nth // 2 + 1:
            if nth % 2:
                move(entry, to)
            raise KeyboardInterrupt
        move(entry, to)

    monkeypatch.setattr(place, "_move", failing)
    try:
        with replacing(full, print) as made:
            fill(made)
    except KeyboardInterrupt:
        after = snapshot(full)
        assert {path: after[path][2] for path in after} == {path: before[path][2] for path in before}
    else:
        assert nth // 2 >= 2
        assert is_new(full)
    assert holders(full, full.parent) == []


def run(code: str, *arguments: object, before: tuple[str, ...] = ()) -> subprocess.CompletedProcess[str]:
    """Run Python code in a process of its own."""
    command = [*before, sys.executable, "-c", code, *map(str, arguments)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


KILLED_WHILE_FETCHING = """
import os, signal, sys
from pathlib import Path
from runnerlib.source import SourceSpec, prepare
def report(line):
    if line.startswith("received"):
        os.kill(os.getpid(), signal.SIGKILL)
prepare(SourceSpec("git", sys.argv[1]), Path(sys.argv[2]), report)
"""
KILLED_WHILE_SWAPPING = """
import os, signal, sys
from pathlib import Path
from runnerlib.source import SourceSpec, atomic_replace as place, prepare
move = place._move
def kill(entry, to):
    move(entry, to)
    os.kill(os.getpid(), signal.SIGKILL)
place._move = kill
prepare(SourceSpec("copy", sys.argv[1]), Path(sys.argv[2]))
"""
KILLED_WHILE_FILLING = """
import os, signal, sys
from pathlib import Path
from runnerlib.source.atomic_replace import replacing
with replacing(Path(sys.argv[2]), print) as made:
    made.mkdir()
    (made / "half").write_text("x")
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_killed_while_filling(full: Path, origin: Origin) -> None:
    before = snapshot(full)
    assert run(KILLED_WHILE_FILLING, origin.path, full).returncode == -signal.SIGKILL
    assert snapshot(full) == before
    assert len(holders(full.parent)) == 1
    prepare(SourceSpec("git", str(origin.path)), full)
    assert (full / "file").read_text() == "main"
    assert holders(full.parent) == []


def test_killed_between_fetch_and_checkout(full: Path, origin: Origin, server: Server) -> None:
    before = snapshot(full)
    assert run(KILLED_WHILE_FETCHING, server.url("git/repo"), full).returncode == -signal.SIGKILL
    assert snapshot(full) == before
    until_nobody_uses(full.parent)  # git of the killed run may be writing still
    prepare(SourceSpec("git", str(origin.path)), full)
    assert holders(full.parent) == []


def test_what_a_killed_run_still_wrote_while_it_was_swept(full: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    dead = full.parent / ".runnerlib-4194304-1-0123456789abcdef"
    (dead / "new").mkdir(parents=True)
    remove, asked = place.remove_tree, list[Path]()

    def busy(tree: Path) -> None:
        asked.append(tree)
        if asked == [dead]:
            raise OSError(errno.ENOTEMPTY, "Directory not empty", str(tree))
        remove(tree)

    monkeypatch.setattr(place, "remove_tree", busy)
    with replacing(full, print) as made:
        fill(made)
        assert dead.exists()
    assert is_new(full)
    assert holders(full.parent) == []


def test_killed_between_the_two_moves_of_the_swap(full: Path, origin: Origin) -> None:
    before = snapshot(full)
    assert run(KILLED_WHILE_SWAPPING, origin.path, full).returncode == -signal.SIGKILL
    assert not full.exists()
    with pytest.raises(SourceError):
        prepare(SourceSpec("git", str(origin.path), "no-such-ref"), full)
    assert snapshot(full) == before
    assert holders(full.parent) == []


def test_only_the_holders_of_the_dead_are_swept(full: Path) -> None:
    with replacing(full.parent / "other", print) as other:
        other.mkdir()
        living = holders(full.parent)
        dead = full.parent / ".runnerlib-4194304-1-0123456789abcdef"
        recycled = full.parent / f".runnerlib-{os.getpid()}-1-0123456789abcdef"
        for path in (dead, recycled):
            path.mkdir()
        (dead / "out").symlink_to(full)
        (full.parent / ".runnerlib-4194304-1-000000000000000f").symlink_to(full)
        with replacing(full, print) as made:
            fill(made)
        left = {*living, ".runnerlib-4194304-1-000000000000000f"}
        assert set(holders(full.parent)) == left
    assert is_new(full)


def test_a_holder_of_another_pid_namespace_is_locked(full: Path) -> None:
    with replacing(full.parent / "other", print) as other:
        other.mkdir()
        foreign = other.parent.rename(full.parent / ".runnerlib-4194304-1-0123456789abcdef")
        with replacing(full, print) as made:
            fill(made)
        assert foreign.is_dir()
        foreign.rename(other.parent)


MOUNTED = """
import os, subprocess, sys
from pathlib import Path
from runnerlib.source import SourceSpec, atomic_replace as place, prepare
source, target, room = map(Path, sys.argv[1:4])
kind = sys.argv[4]
def mount(*arguments):
    subprocess.run(["mount", *map(str, arguments)], check=True)
if kind == "tmpfs":
    mount("-t", "tmpfs", "none", target)
elif kind == "bind":
    (room / "other").mkdir()
    mount("--bind", room / "other", target)
elif kind == "overlay":
    mount("-t", "tmpfs", "none", room)
    for name in ("lower/src/old", "upper", "work"):
        (room / name).mkdir(parents=True)
    layers = "lowerdir={0}/lower,upperdir={0}/upper,workdir={0}/work,redirect_dir=off"
    mount("-t", "overlay", "-o", layers.format(room), "none", target.parent)
elif kind == "inside":
    mount("-t", "tmpfs", "none", target / "deep")
elif kind == "bind inside":
    mount("--bind", target / "deep", target / "deep")
if kind == "read-only parent":
    mount("--bind", target.parent, target.parent)
    mount("--bind", target, target)
    mount("-o", "remount,bind,ro", target.parent)
(target / "old").mkdir(exist_ok=True)
(target / "old" / "file").write_text("old")
inode = target.stat().st_ino
for handler in ("copy", "git"):
    prepare(SourceSpec(handler, str(source)), target)
    assert (target / "file").read_text() == "main"
    assert not (target / "old").exists()
    names = os.listdir(target) + os.listdir(target.parent)
    assert not [name for name in names if name.startswith(".runnerlib")]
    if kind in ("tmpfs", "bind", "read-only parent"):
        assert target.stat().st_ino == inode
"""


@pytest.mark.parametrize("kind", ["tmpfs", "bind", "overlay", "read-only parent", "inside", "bind inside"])
def test_mount_points(kind: str, full: Path, origin: Origin, tmp_path: Path) -> None:
    need_mounts()
    room = tmp_path / "room"
    room.mkdir()
    done = run(MOUNTED, origin.path, full, room, kind, before=("unshare", "-m"))
    if kind in {"inside", "bind inside"}:
        assert f"source target '{full}' has a mount point inside: '{full}/deep'" in done.stderr
        return
    if kind == "overlay" and "unknown filesystem" in done.stderr:
        pytest.skip("no overlayfs here")
    assert done.returncode == 0, done.stderr


UNSEEN = """
import subprocess, sys
from pathlib import Path
from runnerlib.source import SourceSpec, atomic_replace as place, prepare
source, target, mine = map(Path, sys.argv[1:4])
place.mount_points = list  # as where there is no /proc
subprocess.run(["mount", "--bind", mine, target / "deep/er"], check=True)
lines = []
prepare(SourceSpec("copy", str(source)), target, lines.append)
assert (target / "file").read_text() == "main"
assert "cannot be removed: 'er': is a mount point" in lines[-1], lines
assert (mine / "work").read_text() == "precious"
"""


def test_a_mount_that_nobody_can_tell_beforehand_is_set_aside_whole(full: Path, origin: Origin, tmp_path: Path) -> None:
    need_mounts()
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/work").write_text("precious")
    done = run(UNSEEN, origin.path, full, tmp_path / "mine", before=("unshare", "-m"))
    assert done.returncode == 0, done.stderr
