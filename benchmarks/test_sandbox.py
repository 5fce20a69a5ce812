"""The sandbox: steps with and without it in the same rounds, and the manifest of a CI source of 2,000 files."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
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


class Job:
    """A job of steps that do nothing, one after the other, beside a small CI source."""

    def __init__(self, place: Path, count: int) -> None:
        self._place = place
        self._count = count
        (place / "ci").mkdir()
        (place / "ci/run.sh").write_text("true\n")
        steps = [{"name": f"step {number}", "run": ["true"]} for number in range(count)]
        (place / "job.json").write_text(json.dumps({"job": {"max_parallel": 1, "steps": steps}}))

    def run(self, level: str) -> tuple[float, float]:
        """Run it; the seconds that it took, and those of CPU, of the runner and its steps."""
        words = ["run", "--ci-source-type", "copy", "--ci-source-url", "ci", "--job-file", "job.json"]
        argv = [sys.executable, "-m", "runnerlib", *words, "--output", "json", "--sandbox", level]
        start = time.perf_counter()
        with (self._place / "out").open("wb") as out:
            process = subprocess.Popen(argv, cwd=self._place, stdout=out)
            _, status, used = os.wait4(process.pid, 0)
        took = time.perf_counter() - start
        process.returncode = os.waitstatus_to_exitcode(status)
        assert process.returncode == 0
        assert (self._place / "out").read_bytes().count(b'"outcome":"success"') >= self._count
        return took, used.ru_utime + used.ru_stime


@pytest.mark.parametrize("level", ["off", "source", "strict"])
@pytest.mark.benchmark(group="sandbox")
def test_steps(benchmark: BenchmarkFixture, level: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    job = Job(tmp_path, request.config.getoption("steps"))
    took, cpu = benchmark.pedantic(job.run, args=(level,), rounds=2)
    assert 0 < cpu < 100 * took


@pytest.mark.benchmark(group="sandbox")
def test_levels_in_turns(benchmark: BenchmarkFixture, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    """The cost of `source` over `off`, in runs that take turns, so that a change of the machine's load is in both.

    The ratios of the least time and CPU are in the record, as `extra_info`.
    """
    job = Job(tmp_path, request.config.getoption("steps"))
    found: dict[str, list[tuple[float, float]]] = {"off": [], "source": []}

    def turn() -> None:
        for level, times in found.items():
            times.append(job.run(level))

    benchmark.pedantic(turn, rounds=request.config.getoption("turns"), warmup_rounds=1)
    least = {level: [min(column) for column in zip(*times, strict=True)] for level, times in found.items()}
    for what, off, source in zip(("wall", "cpu"), least["off"], least["source"], strict=True):
        benchmark.extra_info[f"source/off {what}"] = round(source / off, 3)
        assert source < 3 * off, (what, found)
