"""The sandbox: steps with and without it in the same rounds, and the manifest of a CI source of 2,000 files."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pytest_benchmark.fixture import BenchmarkFixture

from runnerlib.runner.sandbox.manifest import Manifest, changes, take

FILES = 2000


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("ci")
    for number in range(FILES):
        path = root / f"directory-{number % 50}" / f"file-{number}.py"
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"x = {number}\n" * 50)
    return root


@pytest.mark.parametrize("state", ["cold", "warm"])
@pytest.mark.benchmark(group="manifest")
def test_manifest(benchmark: Callable[..., Manifest], state: str, tree: Path) -> None:
    """Cold: every content is read. Warm: as before each step, when nothing has changed."""
    before = take(tree)
    found = benchmark(take, tree, before if state == "warm" else None)
    assert len(found) == FILES + 50 + 1
    assert changes(before, found) == []


@pytest.mark.parametrize("level", ["off", "source", "strict"])
@pytest.mark.benchmark(group="sandbox")
def test_steps(benchmark: BenchmarkFixture, level: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    """Steps that do nothing, one after the other, beside a small CI source."""
    count = request.config.getoption("steps")
    (tmp_path / "ci").mkdir()
    (tmp_path / "ci/run.sh").write_text("true\n")
    steps = [{"name": f"step {number}", "run": ["true"]} for number in range(count)]
    (tmp_path / "job.json").write_text(json.dumps({"job": {"max_parallel": 1, "steps": steps}}))
    words = ["run", "--ci-source-type", "copy", "--ci-source-url", "ci", "--job-file", "job.json", "--output", "json"]
    argv = [sys.executable, "-m", "runnerlib", *words, "--sandbox", level]

    def run() -> int:
        done = subprocess.run(argv, cwd=tmp_path, env=os.environ, capture_output=True, check=True)
        return done.stdout.count(b'"outcome":"success"')

    assert benchmark.pedantic(run, rounds=2) >= count
