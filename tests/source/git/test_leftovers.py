"""Leftovers of a job that a runner without root cannot clear: shut directories of its own, and those of root."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import runnerlib.source
from runnerlib.source import SourceSpec
from runnerlib.source.git import reuse as keep
from runnerlib.source.git.reuse_check import doomed
from runnerlib.source.git.transport import NetworkError
from tests.source.repository import commit, git, holders, snapshot

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[3]
USER = 65534

PREPARE = """
import os, sys, encodings.ascii, encodings.unicode_escape
from pathlib import Path
from runnerlib.errors import SourceError
from runnerlib.source import SourceSpec, prepare
from runnerlib.source.git import preparation
room, keep, then = Path(sys.argv[1]), sys.argv[2], sys.argv[3]
if os.getuid() == 0:  # after the imports: another user may not read this Python
    os.setgroups([])
    os.setgid(65534)
    os.setuid(65534)
os.environ["HOME"] = str(room)
options = (("keep", keep),) if keep != "none" else ()
try:
    print(prepare(SourceSpec("git", str(room / "repo"), "main", options), room / "job/src", print).revision)
except SourceError as error:
    sys.exit(f"refused: {error}")
exec(then, {"os": os, "src": room / "job/src"})
"""
# What a job does: a cache of modules as go has it, read-only; a tracked directory that is shut; one that is ignored.
SHUT = """
for name in ("gomod/m/deep", "cache.o"):
    (src / name).mkdir(parents=True)
    (src / name / "x").write_text("x")
(src / "file").write_text("changed")
assert os.system(f"chmod -R a-w {src}") == 0
(src / "gomod/m").chmod(0o000)
"""


@pytest.fixture
def room() -> Iterator[Path]:
    """A directory that an ordinary user may reach, with a repository and a workspace of that user's."""
    made = Path(tempfile.mkdtemp())
    git(made, "init", "-q", "-b", "main", "repo")
    (made / "repo/sub").mkdir()
    (made / "repo/sub/tracked").write_text("one")
    (made / "repo/sub/gone").write_text("gone")
    (made / "repo/.gitignore").write_text("*.o\n")
    commit(made / "repo", "one")
    (made / "job").mkdir()
    give(made)
    yield made
    subprocess.run(["chmod", "-R", "u+rwx", str(made)], check=True)
    shutil.rmtree(made)


def give(place: Path, user: int = USER) -> None:
    """Make a tree the ordinary user's."""
    if os.geteuid() == 0:
        subprocess.run(["chown", "-R", f"{user}:{user}", str(place)], check=True)


def prepare(room: Path, keep: str, then: str = "") -> subprocess.CompletedProcess[str]:
    """Prepare the repository as an ordinary user, who does something with it then."""
    command = [sys.executable, "-c", PREPARE, str(room), keep, then]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


def go_on(room: Path) -> str:
    """Commit what touches every directory."""
    give(room / "repo", os.geteuid())
    (room / "repo/sub/tracked").write_text("two")
    (room / "repo/sub/gone").unlink()
    wanted = commit(room / "repo", "two")
    give(room / "repo")
    return wanted


def contents(src: Path) -> dict[str, tuple[object, ...]]:
    """Return a checkout's contents without its own time: its git directory may have been away for a moment."""
    return snapshot(src) | {".": ()}


@pytest.mark.parametrize("keep", ["none", "repository", "ignored"])
def test_what_is_shut_but_ours_is_opened(keep: str, room: Path) -> None:
    done = prepare(room, keep, SHUT)
    assert done.returncode == 0, done.stderr
    wanted = go_on(room)
    done = prepare(room, keep)
    assert done.returncode == 0, done.stderr
    assert "made anew" not in done.stdout
    src = room / "job/src"
    assert {path.name for path in src.iterdir()} == {
        *(".git", ".gitignore", "file", "sub"),
        *(("cache.o",) if keep == "ignored" else ()),
    }
    assert ((src / "file").read_text(), (src / "sub/tracked").read_text()) == ("two", "two")
    assert not (src / "sub/gone").exists()
    assert (src / ".git/HEAD").read_text().strip() == wanted
    assert holders(src.parent, src) == []
    if keep == "ignored":
        assert (src / "cache.o").stat().st_mode & 0o777 == 0o555  # kept as it is


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can leave what is root's")
@pytest.mark.parametrize("keep", ["none", "repository", "ignored"])
@pytest.mark.parametrize("where", ["left/by/root", "sub", ".git/objects", "."])
def test_what_is_roots_is_refused_before_anything_changes(keep: str, where: str, room: Path) -> None:
    assert prepare(room, keep).returncode == 0
    go_on(room)
    src = room / "job/src"
    (src / where).mkdir(parents=True, exist_ok=True)
    (src / "own").write_text("own")
    give(src)
    (src / where / "x").write_text("x")
    os.chown(src / where, 0, 0)
    (src / where).chmod(0o755)
    before = contents(src)
    done = prepare(room, keep)
    assert done.returncode == 1, done.stdout
    assert f"'{src / where}' belongs to another user" in done.stderr
    assert contents(src) == before
    assert holders(src.parent, src) == []


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can leave what is root's")
def test_what_is_roots_and_ignored_may_stay_where_that_is_wished(room: Path) -> None:
    assert prepare(room, "ignored").returncode == 0
    wanted = go_on(room)
    (room / "job/src/built.o").mkdir()
    (room / "job/src/built.o/x").write_text("x")
    done = prepare(room, "ignored")
    assert done.returncode == 0, done.stderr
    assert wanted in done.stdout
    assert (room / "job/src/built.o/x").read_text() == "x"


@pytest.mark.parametrize("error", [KeyboardInterrupt, NetworkError("the network is gone")])
def test_what_fails_at_the_end_loses_nothing(
    error: BaseException | type[BaseException], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    git(tmp_path, "init", "-q", "-b", "main", "repo")
    (tmp_path / "repo/.gitignore").write_text("*.o\n")
    first = commit(tmp_path / "repo", "one")
    target = tmp_path / "job/src"
    spec = SourceSpec("git", str(tmp_path / "repo"), "main", (("keep", "ignored"),))
    runnerlib.source.prepare(spec, target)
    (target / "built.o").write_text("built")
    second = commit(tmp_path / "repo", "two")

    def failing(*_: object) -> None:
        raise error

    with monkeypatch.context() as patched:
        patched.setattr(keep, "complete", failing)
        with pytest.raises((KeyboardInterrupt, NetworkError)):
            runnerlib.source.prepare(spec, target)
    assert (target / "built.o").read_text() == "built"
    assert git(target, "rev-parse", "HEAD") == first
    assert holders(target.parent, target) == []
    runnerlib.source.prepare(spec, target)
    assert git(target, "rev-parse", "HEAD") == second
    assert git(target, "status", "--porcelain") == ""
    assert (target / "built.o").read_text() == "built"


def test_names_as_git_writes_them(tmp_path: Path) -> None:
    names = ["plain", "with blank", "ü日", 'quo"te', "back\\slash", "line\nbreak", "tab\t", "bell\a", "\udcff"]
    git(tmp_path, "init", "-q")
    for name in names:
        (tmp_path / name).mkdir()
        (tmp_path / name / "x").write_text("x")
    command = ["git", "clean", "-ffdx", "--dry-run"]
    said = subprocess.run(command, cwd=tmp_path, capture_output=True, check=True).stdout
    assert sorted(doomed(said)) == sorted(f"{name}/" for name in names)
