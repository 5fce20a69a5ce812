"""A large log through `runnerlib run` and a pipe, against `cat FILE | cat`, and masked against not masked."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

import pytest

from benchmarks import secretset
from benchmarks.timing import note_ratios
from benchmarks.workload import Cell

if TYPE_CHECKING:
    from pytest_benchmark.fixture import BenchmarkFixture

Drained = dict[str, Any]  # what drain.py prints
UNIT = 16 << 20
PEAK_BYTES = 100_000_000
SECRETS = secretset.encoded(100)
DRAIN = Path(__file__).with_name("drain.py")


@dataclass(frozen=True)
class Log:
    """A file, and what must be shown of it."""

    file: Path
    size: int
    digest: str
    masked_size: int
    masked_digest: str


@pytest.fixture(scope="module")
def log(memory_dir: Path, pipe_bytes: int) -> Log:
    """Repeat a text with a secret in 10 KB, ended by a line so that no secret is cut."""
    unit = Cell(secretset.raw(100), "hits").text(min(UNIT, pipe_bytes)).whole
    unit = unit[: unit.rindex(b"\n") + 1]
    # In this text no secret meets another one, so replacing one after the other is right.
    shown = unit
    for secret in SECRETS.secrets:
        shown = shown.replace(secret, secretset.MARKER)
    file = memory_dir / "log"
    repeats = pipe_bytes // len(unit) + 1
    with file.open("wb") as target:
        for _ in range(repeats):
            target.write(unit)
    return Log(file, len(unit) * repeats, _digest(unit, repeats), len(shown) * repeats, _digest(shown, repeats))


def _digest(unit: bytes, repeats: int) -> str:
    state = hashlib.blake2b(digest_size=16)
    for _ in range(repeats):
        state.update(unit)
    return state.hexdigest()


@pytest.fixture
def commands(program: list[str], log: Log) -> dict[str, list[str]]:
    """The three ways to move the file."""
    run = [*program, "run", "--work-dir", str(log.file.parent), "--job-command", f"cat {log.file}"]
    secrets = b",".join(SECRETS.secrets).decode()
    return {
        "masked": [*run, "--secrets-list", secrets],
        "not masked": run,
        "cat | cat": ["sh", "-c", f"cat {log.file} | cat"],
    }


class Drains:
    """Lets each command's output be drained by a process of its own, and keeps what it took."""

    def __init__(self, commands: dict[str, list[str]], environment: dict[str, str]) -> None:
        self._commands = commands
        self._environment = environment
        self.seconds: dict[str, list[float]] = {name: [] for name in commands}
        self.rates: dict[str, list[float]] = {name: [] for name in commands}

    def drain(self, name: str, *options: str) -> Drained:
        """Run a command once."""
        argv = [sys.executable, "-I", str(DRAIN), *options, *self._commands[name]]
        done = subprocess.run(argv, env=self._environment, stdout=subprocess.PIPE, check=True)
        drained: Drained = json.loads(done.stdout)
        return drained

    def timed(self, name: str) -> Drained:
        """Run a command once, and note its times."""
        drained = self.drain(name)
        streaming = drained["seconds"] - drained["seconds_to_first_byte"]
        self.seconds[name].append(drained["seconds"])
        self.rates[name].append(drained["bytes"] / streaming / 1e9)
        return drained


def test_answers(commands: dict[str, list[str]], environment: dict[str, str], log: Log) -> None:
    """The text arrives with every secret replaced, whoever masks; the runner stays small."""
    drains = Drains(commands, environment)
    expected = {
        "masked": (log.masked_size, log.masked_digest),
        "not masked": (log.size, log.digest),
        "cat | cat": (log.size, log.digest),
    }
    for name, answer in expected.items():
        drained = drains.drain(name, "--digest")
        assert drained["exit_code"] == 0
        assert (drained["bytes"], drained["digest"]) == answer
        assert drained["peak_bytes"] < PEAK_BYTES


@pytest.mark.skipif(len(os.sched_getaffinity(0)) < 2, reason="the stages of a pipe need two processors")
def test_pipe(
    benchmark: BenchmarkFixture, commands: dict[str, list[str]], environment: dict[str, str], log: Log
) -> None:
    """Each round moves the file in all three ways, with nobody looking at the bytes."""
    benchmark.group = "pipe"
    drains = Drains(commands, environment)

    def others() -> None:
        assert drains.timed("not masked")["bytes"] == log.size
        assert drains.timed("cat | cat")["bytes"] == log.size

    masked = benchmark.pedantic(drains.timed, ("masked",), setup=others, rounds=5)

    assert (masked["bytes"], masked["exit_code"]) == (log.masked_size, 0)
    assert masked["peak_bytes"] < PEAK_BYTES
    note_ratios(benchmark, "masked", drains.seconds)
    benchmark.extra_info["GB/s after the first byte"] = {
        name: round(median(rates), 2) for name, rates in drains.rates.items()
    }
    benchmark.extra_info["peak MB"] = masked["peak_bytes"] / 1e6
