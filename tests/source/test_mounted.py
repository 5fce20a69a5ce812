"""The record that a workspace keeps of mounts, and what a job may have put in its place."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from runnerlib.errors import PathError
from runnerlib.source import Sources, SourceSpec, mounts
from tests.source.mounts import need_mounts


@pytest.fixture
def base(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A workspace whose `src` is taken for a mount, and beside it a source and a place of somebody else's."""
    monkeypatch.setattr(mounts, "_is_mount", lambda target: target.is_dir())
    for name in ("job", "code", "elsewhere"):
        (tmp_path / name).mkdir()
    (tmp_path / "code/file").write_text("copied")
    return tmp_path / "job"


def prepare(base: Path) -> list[str]:
    lines: list[str] = []
    mounts.prepare(Sources(), SourceSpec("copy", str(base.parent / "code")), base / "src", base, lines.append)
    return lines


def test_a_mount_that_a_run_has_filled_is_filled_again(base: Path) -> None:
    assert prepare(base) == [f"copying '{base.parent}/code'"]
    assert (base / ".runnerlib/mounts").stat().st_mode & 0o777 == 0o600
    (base / "src/file").write_text("changed")
    mine = (base / ".runnerlib/mounts").read_text()
    os.truncate(base / ".runnerlib/mounts", 0)
    assert "has content, which stays" in prepare(base)[0]
    assert (base / "src/file").read_text() == "changed"
    # what was remembered is that very directory, which `prepare` has not replaced
    (base / ".runnerlib/mounts").write_text(mine)
    prepare(base)
    assert (base / "src/file").read_text() == "copied"


def test_a_link_in_the_place_of_the_directory(base: Path) -> None:
    (base / ".runnerlib").symlink_to(base.parent / "elsewhere")
    with pytest.raises(PathError, match=r"a link stands where the runner keeps its files: '.*/job/\.runnerlib'"):
        prepare(base)
    (base / "src").mkdir(exist_ok=True)
    (base / "src/file").write_text("mine")
    with pytest.raises(PathError, match="a link stands where"):
        prepare(base)
    assert (base / "src/file").read_text() == "mine"
    assert list((base.parent / "elsewhere").iterdir()) == []


@pytest.mark.parametrize("kind", ["link", "fifo", "directory"])
def test_something_else_in_the_place_of_the_file(kind: str, base: Path) -> None:
    (base / ".runnerlib").mkdir()
    memory, theirs = base / ".runnerlib/mounts", base.parent / "elsewhere/file"
    theirs.write_text("")
    if kind == "link":
        memory.symlink_to(theirs)
    elif kind == "fifo":
        os.mkfifo(memory)
    else:
        memory.mkdir()
    with pytest.raises(PathError, match=r"cannot write '.*/job/\.runnerlib/mounts': "):
        prepare(base)
    assert "has content, which stays" in prepare(base)[0]
    assert theirs.read_text() == ""


WITHOUT_PROC = """
import subprocess, sys
from pathlib import Path
from runnerlib.source import Sources, SourceSpec, mounts
room = Path(sys.argv[1])
base = room / "job"
def mount(*words):
    subprocess.run(["mount", *map(str, words)], check=True)
mount("--bind", room / "mine", base / "src")
mount("-t", "tmpfs", "none", "/proc")
lines = []
spec = SourceSpec("copy", str(room / "code"))
mounts.prepare(Sources(), spec, base / "src", base, lines.append)
assert "has content, which stays" in lines[0], lines
assert (room / "mine/file").read_text() == "mine"
mounts.prepare(Sources(), spec, base / "other", base, lines.append)
mounts.prepare(Sources(), spec, base / "other", base, lines.append)
assert (base / "other/file").read_text() == "copied"
"""


def test_a_mount_is_known_without_proc(tmp_path: Path) -> None:
    need_mounts()
    for name, content in (("job/src", None), ("code", "copied"), ("mine", "mine")):
        (tmp_path / name).mkdir(parents=True)
        if content:
            (tmp_path / name / "file").write_text(content)
    command = ["unshare", "-m", sys.executable, "-c", WITHOUT_PROC, str(tmp_path)]
    done = subprocess.run(command, cwd=Path(__file__).parents[2], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
