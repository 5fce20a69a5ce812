"""libgit2's settings are those of the process: threads that need them at once, and what is left of them."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

import pygit2
import pytest

from runnerlib.source.git.libgit2_settings import any_owner, server_silent_for
from tests.source.repository import git, make

ROOT = Path(__file__).parents[3]

STRESS = """
import sys, threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
import pygit2
from runnerlib.source.git_query import changed_files, git_info
from runnerlib.source import SourceSpec, prepare
theirs, partial, room = map(Path, sys.argv[1:4])
start = threading.Barrier(9)
def ask():
    start.wait()
    for _ in range(150):
        assert git_info(theirs)["branch"] == "main"
        assert git_info(partial)["shallow"] is False
def compare():
    start.wait()
    for _ in range(150):
        changed_files(partial, "HEAD^")
def make(number):
    start.wait()
    for _ in range(15):
        assert prepare(SourceSpec("git", str(theirs)), room / str(number)).revision
def others():  # the program around us, which uses libgit2 as well
    start.wait()
    for _ in range(300):
        pygit2.Repository(str(room / "own"))
with ThreadPoolExecutor(9) as pool:
    work = [pool.submit(ask) for _ in range(3)] + [pool.submit(compare) for _ in range(2)]
    work += [pool.submit(make, number) for number in range(3)] + [pool.submit(others)]
    for one in work:
        one.result()
assert pygit2.settings.owner_validation is True
"""


@pytest.mark.parametrize("program", [True, False])
def test_many_threads(program: bool, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    """Memory that is used after it was freed is made visible: the C library overwrites it."""
    theirs = make(tmp_path / "theirs").path
    git(tmp_path, "init", "-q", "own")
    git(theirs, "config", "uploadpack.allowFilter", "true")
    git(tmp_path, "clone", "-q", "--filter=blob:none", "--no-checkout", f"file://{theirs}", "partial")
    if os.geteuid() == 0:
        for path in (theirs, *theirs.rglob("*")):
            os.chown(path, 12345, 12345, follow_symlinks=False)
    if not program:
        request.getfixturevalue("no_git")
    env = {**os.environ, "MALLOC_PERTURB_": "165", "PYTHONFAULTHANDLER": "1"}
    command = [sys.executable, "-c", STRESS, *map(str, (theirs, tmp_path / "partial", tmp_path))]
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_two_that_overlap_put_back_what_was_before() -> None:
    assert pygit2.settings.owner_validation is True
    with ExitStack() as second:
        with any_owner():
            second.enter_context(any_owner())
        assert pygit2.settings.owner_validation is False
    assert pygit2.settings.owner_validation is True


def test_nobody_cuts_the_patience_of_another_short() -> None:
    with ExitStack() as second:
        with server_silent_for(50):
            second.enter_context(server_silent_for(20))
            assert pygit2.settings.server_timeout == 50_000
        assert pygit2.settings.server_timeout == 20_000
