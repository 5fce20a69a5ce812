"""Trees that hold a mount: nothing in it is removed, by whatever way it was come to."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from runnerlib._util.safe_tree import locked_directory, remove_tree
from tests.source.mounts import need_mounts

ROOT = Path(__file__).parents[2]

REMOVE = """
import errno, os, subprocess, sys
from pathlib import Path
from runnerlib._util.safe_tree import remove_tree
kind, top, mine, where = sys.argv[1], *map(Path, sys.argv[2:5])
def mount(*words):
    subprocess.run(["mount", *map(str, words)], check=True)
if kind == "tmpfs":
    mount("-t", "tmpfs", "none", where)
    (where / "file").write_text("precious")
elif kind == "file":
    (where / "file").write_text("")
    where = where / "file"
    mount("--bind", mine / "file", where)
else:
    mount("--bind", mine, where)
if kind == "without /proc":
    mount("-t", "tmpfs", "none", "/proc")
try:
    remove_tree(top)
except OSError as error:
    assert error.errno == errno.EBUSY, error
else:
    raise AssertionError("removed")
file = where if kind == "file" else where / "file"
assert file.read_text() == "precious"
assert kind == "tmpfs" or (mine / "file").read_text() == "precious"
"""


@pytest.mark.parametrize("where", [".", "a", "a/b/c"])
@pytest.mark.parametrize("kind", ["bind", "tmpfs", "file", "without /proc"])
def test_a_mount_is_left_as_it_is(kind: str, where: str, tmp_path: Path) -> None:
    need_mounts()
    (tmp_path / "top/a/b/c").mkdir(parents=True)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/file").write_text("precious")
    words = [sys.executable, "-c", REMOVE, kind, tmp_path / "top", tmp_path / "mine", tmp_path / "top" / where]
    command = ["unshare", "-m", *map(str, words)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_what_goes(tmp_path: Path) -> None:
    top = tmp_path / "top"
    (top / "full/er/empty").mkdir(parents=True)
    (top / "full/file").write_text("x")
    (top / "link").symlink_to(tmp_path)
    (top / "full/er").chmod(0o000)
    (top / "full").chmod(0o500)
    assert locked_directory(top) is None
    remove_tree(top)
    remove_tree(top)
    assert list(tmp_path.iterdir()) == []


def test_what_is_no_directory_is_left(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    (tmp_path / "link").symlink_to(tmp_path)
    for name in ("file", "link"):
        with pytest.raises(NotADirectoryError):
            remove_tree(tmp_path / name)
        assert (tmp_path / name).exists()
