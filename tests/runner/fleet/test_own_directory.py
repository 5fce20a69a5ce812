"""The directory of a worker is its own while it lives, and goes with it, or with the next one."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from runnerlib.errors import RunnerError
from runnerlib.runner.fleet.own_directory import own_directory

KILLED = """
import os, signal, sys
from runnerlib.runner.fleet.own_directory import own_directory
with own_directory(sys.argv[1]) as own:
    (own / "job").mkdir()
    (own / "job/closed").mkdir(mode=0)
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_it_is_there_for_the_worker(tmp_path: Path) -> None:
    with own_directory(str(tmp_path)) as first, own_directory(str(tmp_path)) as second:
        assert {*tmp_path.iterdir()} == {first, second}
        assert first.stat().st_mode & 0o777 == 0o700
        (first / "job").mkdir()
    assert not list(tmp_path.iterdir())


def test_that_of_a_killed_worker_is_removed_by_the_next(tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-c", KILLED, tmp_path], check=False)
    (left,) = tmp_path.iterdir()
    for name in ("runnerlib-worker-file", "elsewhere"):
        (tmp_path / name).touch()
    (tmp_path / "runnerlib-worker-link").symlink_to(tmp_path)
    with own_directory(str(tmp_path)) as own:
        assert not left.exists()
        assert {path.name for path in tmp_path.iterdir()} == {
            *("runnerlib-worker-file", "runnerlib-worker-link", "elsewhere"),
            own.name,
        }


def test_without_a_place_for_it(tmp_path: Path) -> None:
    with (
        pytest.raises(RunnerError, match=r"cannot make a directory in '.*/nowhere' for a worker: No such file"),
        own_directory(str(tmp_path / "nowhere")),
    ):
        pass
