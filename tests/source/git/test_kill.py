"""kill -9 at any moment: the next run succeeds, nothing half made stays, no lock, no broken mirror.

The moments are spread over the whole time that a preparation takes.
"""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from runnerlib.source import Cache, SourceSpec, prepare
from tests.source.git.test_matrix import tree
from tests.source.repository import commit, git, holders
from tests.source.smart_http import serving
from tests.waiting import until_nobody_uses

ROOT = Path(__file__).parents[3]
PREPARE = """
import sys
from pathlib import Path
from runnerlib.source import Cache, SourceSpec, prepare
url, cache, target, options = sys.argv[1:]
pairs = tuple(tuple(option.split("=")) for option in options.split())
prepare(SourceSpec("git", url, None, pairs, Cache(Path(cache)) if cache else None), Path(target))
"""


def large(repo: Path, marker: str) -> str:
    """A commit of a few hundred files, so that every phase takes a while."""
    for number in range(300):
        place = repo / f"d{number % 10}" / f"f{number}"
        place.parent.mkdir(exist_ok=True)
        place.write_text(f"{marker} {number}\n" * 50)
    return commit(repo, marker)


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    git(tmp_path, "init", "-q", "-b", "main", "repo")
    large(tmp_path / "repo", "old")
    return tmp_path / "repo"


def killed_after(pause: float, *args: str, env: dict[str, str]) -> bool:
    """Start a preparation, kill it after so many seconds; tell whether it was still at it."""
    run = subprocess.Popen([sys.executable, "-c", PREPARE, *args], cwd=ROOT, env=env, start_new_session=True)
    try:
        run.wait(pause)
    except subprocess.TimeoutExpired:
        run.send_signal(signal.SIGKILL)
        run.wait()
        return True
    return False


@pytest.mark.parametrize("rounds", [1, pytest.param(20, marks=pytest.mark.slow)])
@pytest.mark.parametrize(
    ("cached", "options"), [(False, ""), (True, ""), (False, "keep=repository"), (True, "depth=0")]
)
def test_killed_at_any_moment(cached: bool, options: str, rounds: int, engine: str, repo: Path, tmp_path: Path) -> None:
    chance = random.Random(f"{cached} {options} {engine}")
    target, cache = tmp_path / "job/src", tmp_path / "cache"
    pairs = tuple((name, value) for name, _, value in (option.partition("=") for option in options.split()))
    hit = 0
    with serving(tmp_path) as server:
        spec = SourceSpec("git", server.url("git/repo"), None, pairs, Cache(cache) if cached else None)
        prepare(spec, target)
        began = time.perf_counter()
        killed_after(60, spec.url or "", str(cache) if cached else "", str(target), options, env=dict(os.environ))
        usual = time.perf_counter() - began
        for number in range(rounds):
            known = [tree(target)]
            wanted = large(repo, f"new {number}")
            args = (spec.url or "", str(cache) if cached else "", str(target), options)
            hit += killed_after(chance.uniform(0.15, 1) * usual, *args, env=dict(os.environ))
            if target.exists() and tree(target) not in known:
                assert git(target, "rev-parse", "HEAD") == wanted
                assert git(target, "status", "--porcelain") == ""
            made = prepare(spec, target)
            assert made is not None
            assert made.revision == wanted
            assert git(target, "status", "--porcelain") == ""
            assert git(target, "fsck", "--no-dangling") == ""
            assert (target / "d3/f33").read_text() == f"new {number} 33\n" * 50
            if holders(target.parent, target):
                # git of the killed run may still have been writing; the run after its end clears that up.
                until_nobody_uses(target.parent)
                prepare(spec, target)
            assert holders(target.parent, target) == []
            assert [path.name for path in cache.rglob("*.lock")] == []
            assert [path for path in cache.rglob(".*") if path.parent.name == "trees"] == []
    print(f"killed in the middle: {hit} of {rounds}")
    shutil.rmtree(cache, ignore_errors=True)
