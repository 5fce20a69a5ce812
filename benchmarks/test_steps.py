"""Many steps that do nothing, a long chain of them, and steps that talk all at once; rivals in the same rounds.

The processor time of a step is the only figure that is asserted, because neighbours change it least: as a multiple of
that of ninja and make in the same rounds.
"""

from __future__ import annotations

import json
import resource
import shutil
import subprocess
from collections import Counter
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import TYPE_CHECKING

import pytest

from benchmarks.timing import note_ratios, take_turns

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_benchmark.fixture import BenchmarkFixture

SECRET = "correct-horse-battery"
CHATTY = 16
# So many times the processor time of ninja, and of make, may a step that does nothing take; and so many times that of
# a step of a short job one of a job that is ten times as long.
MOST_CPU = 2.0
MOST_GROWTH = 1.3
# With fewer steps a start, which is measured by itself, is too large a part.
FEWEST = 400


def write_job(directory: Path, name: str, steps: list[dict[str, object]], parallel: int) -> Path:
    """A job file; JSON is YAML."""
    file = directory / f"{name}.json"
    file.write_text(json.dumps({"job": {"name": name, "max_parallel": parallel, "steps": steps}}))
    return file


class Jobs:
    """Runs commands in a directory and times them."""

    def __init__(self, program: list[str], environment: dict[str, str], directory: Path) -> None:
        self._program = program
        self._environment = {**environment, "REACTORCIDE_IN_CONTAINER": "false", "DEPLOY_TOKEN": SECRET}
        self._directory = directory

    def timed(self, argv: list[str]) -> Callable[[], float]:
        """A call that runs `argv` and returns how many seconds it took."""

        def run() -> float:
            began = perf_counter()
            subprocess.run(argv, cwd=self._directory, env=self._environment, stdout=subprocess.DEVNULL, check=True)
            return perf_counter() - began

        return run

    def job(self, file: Path) -> Callable[[], float]:
        """The same for a job."""
        return self.timed(self._run(file))

    def cpu(self, argv: list[str]) -> Callable[[], float]:
        """A call that runs `argv` and returns the CPU seconds that it and all its processes took."""
        run = self.timed(argv)

        def measured() -> float:
            before = resource.getrusage(resource.RUSAGE_CHILDREN)
            run()
            after = resource.getrusage(resource.RUSAGE_CHILDREN)
            return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime

        return measured

    def job_cpu(self, file: Path) -> Callable[[], float]:
        """The same for a job."""
        return self.cpu(self._run(file))

    def _run(self, file: Path) -> list[str]:
        return [*self._program, "run", "--job-file", str(file), "--output", "prefixed"]

    def results(self, file: Path) -> list[dict[str, object]]:
        """Return the end of each step of a job."""
        events = self._directory / "events"
        self.timed([*self._program, "run", "--job-file", str(file), "--output", "json", "--events", str(events)])()
        found = [json.loads(line) for line in events.read_text().splitlines()]
        return [event for event in found if event["type"] == "step_finished"]


@pytest.fixture
def jobs(program: list[str], environment: dict[str, str], memory_dir: Path) -> Jobs:
    """Jobs in a directory in memory."""
    return Jobs(program, environment, memory_dir)


def rivals(directory: Path, count: int) -> dict[str, list[str]]:
    """The ways other tools run `true` so many times, two at a time where they can."""
    names = " ".join(f"o{number}" for number in range(count))
    (directory / "build.ninja").write_text(
        "rule r\n  command = true\n" + "".join(f"build o{n}: r\n" for n in range(count)) + f"build all: phony {names}\n"
    )
    (directory / "Makefile").write_text(f"all: {names}\n" + "".join(f"o{n}:\n\ttrue\n" for n in range(count)))
    tools = {
        "ninja": ["ninja", "-j2", "all"],
        "make": ["make", "-s", "-j2"],
        "parallel": ["sh", "-c", f"seq {count} | parallel --will-cite -j2 true"],
        "xargs": ["sh", "-c", f"seq {count} | xargs -P2 -n1 true"],
        "bash -ec": ["sh", "-c", f"for i in $(seq {count}); do bash -ec true; done"],
    }
    return {name: argv for name, argv in tools.items() if shutil.which(name.split()[0])}


def test_steps_that_do_nothing(
    benchmark: BenchmarkFixture, jobs: Jobs, memory_dir: Path, pytestconfig: pytest.Config
) -> None:
    """1,000 of them, two at a time."""
    benchmark.group = "steps"
    count = pytestconfig.getoption("steps")
    steps = [{"name": f"s{number}", "run": ["true"], "parallel": True} for number in range(count)]
    file = write_job(memory_dir, "nothing", steps, 2)
    assert Counter(step["outcome"] for step in jobs.results(file)) == {"success": count}
    runs = {"runnerlib": jobs.job(file)} | {name: jobs.timed(a) for name, a in rivals(memory_dir, count).items()}
    seconds = benchmark.pedantic(take_turns, (runs, 3), rounds=1)
    note_ratios(benchmark, "runnerlib", seconds)
    benchmark.extra_info["steps/s"] = {name: round(count / median(took)) for name, took in seconds.items()}


def test_a_chain(benchmark: BenchmarkFixture, jobs: Jobs, memory_dir: Path, pytestconfig: pytest.Config) -> None:
    """Each step waits for the one before; twice as many cost twice as much."""
    benchmark.group = "chain"
    count = pytestconfig.getoption("steps")
    runs = {}
    for length in (count, 2 * count):
        steps = [{"name": f"s{number}", "run": ["true"]} for number in range(length)]
        runs[str(length)] = jobs.job(write_job(memory_dir, f"chain-{length}", steps, 2))
    assert len(jobs.results(memory_dir / f"chain-{2 * count}.json")) == 2 * count
    seconds = benchmark.pedantic(take_turns, (runs, 3), rounds=1)
    took = median(seconds[str(2 * count)]) - median(seconds[str(count)])
    benchmark.extra_info["ms per step"] = round(took / count * 1e3, 2)


def test_processor_time_of_a_step(
    benchmark: BenchmarkFixture, jobs: Jobs, memory_dir: Path, pytestconfig: pytest.Config
) -> None:
    """A step that does nothing beside a target of ninja and of make, in a job and in one of ten times its length."""
    benchmark.group = "cpu"
    count = pytestconfig.getoption("steps")
    runs = {}
    for length in (1, count, 10 * count):
        steps = [{"name": f"s{number}", "run": ["true"]} for number in range(length)]
        runs[f"runnerlib {length}"] = jobs.job_cpu(write_job(memory_dir, f"cpu-{length}", steps, 2))
    runs |= {name: jobs.cpu(argv) for name, argv in rivals(memory_dir, count).items() if name in {"ninja", "make"}}
    took = {name: min(seconds) for name, seconds in benchmark.pedantic(take_turns, (runs, 3), rounds=1).items()}
    start = took.pop("runnerlib 1")
    each = {name: took[name] / count for name in took if not name.startswith("runnerlib")}
    each |= {f"runnerlib {n}": (took[f"runnerlib {n}"] - start) / (n - 1) for n in (count, 10 * count)}
    benchmark.extra_info["ms of processor time a step"] = {name: round(cpu * 1e3, 2) for name, cpu in each.items()}
    if count < FEWEST:
        return
    ours, long = each[f"runnerlib {count}"], each[f"runnerlib {10 * count}"]
    assert long < MOST_GROWTH * ours
    assert all(ours < MOST_CPU * each[name] for name in each if not name.startswith("runnerlib"))


def test_steps_that_talk(
    benchmark: BenchmarkFixture, jobs: Jobs, memory_dir: Path, pytestconfig: pytest.Config
) -> None:
    """As much output from 16 steps at once as from a single one, with a secret in every 64 KiB."""
    benchmark.group = "talk"
    line = b"the quick brown fox jumps over the lazy dog, and 0123456789 more bytes to fill a line of the log\n"
    unit = line * 640 + SECRET.encode() + b"\n"
    each = max(pytestconfig.getoption("pipe_mib") * (1 << 20) // CHATTY // len(unit), 1)
    (memory_dir / "part").write_bytes(unit * each)
    shown = unit.replace(SECRET.encode(), b"[REDACTED]")
    run = f"cat {memory_dir}/part"
    many = [{"name": f"s{number}", "run": run, "parallel": True} for number in range(CHATTY)]
    one = [{"name": "all", "run": " && ".join([run] * CHATTY)}]
    files = {"16 steps": write_job(memory_dir, "many", many, CHATTY), "one step": write_job(memory_dir, "one", one, 1)}
    runs = {name: jobs.job(file) for name, file in files.items()}
    runs["cat"] = jobs.timed(["sh", "-c", " && ".join([f"{run} | cat"] * CHATTY)])
    seconds = benchmark.pedantic(take_turns, (runs, 3), rounds=1)
    jobs.job(files["16 steps"])()
    logs = memory_dir / "job/artifacts/logs"
    assert all((logs / f"s{number}.log").read_bytes() == shown * each for number in range(CHATTY))
    note_ratios(benchmark, "16 steps", seconds)
