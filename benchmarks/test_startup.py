"""The time that the command takes to start, against the bare interpreter."""

from __future__ import annotations

import subprocess
import sys
from time import perf_counter
from typing import TYPE_CHECKING

import pytest

from benchmarks.timing import note_ratios

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_benchmark.fixture import BenchmarkFixture

BARE = [sys.executable, "-c", "pass"]


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [(["--help"], b"Usage: runnerlib"), (["run", "--job-command", "true"], b"")],
    ids=["help", "run"],
)
def test_startup(
    benchmark: BenchmarkFixture,
    *,
    program: list[str],
    environment: dict[str, str],
    tmp_path: Path,
    arguments: list[str],
    expected: bytes,
) -> None:
    """Each round starts the bare interpreter first, so that both meet the same noise."""
    benchmark.group = f"start {arguments[0]}"
    environment = {**environment, "REACTORCIDE_WORK_DIR": str(tmp_path), "REACTORCIDE_IN_CONTAINER": "false"}
    seconds: dict[str, list[float]] = {"runnerlib": [], "python": []}

    def start(name: str, argv: list[str]) -> bytes:
        began = perf_counter()
        done = subprocess.run(argv, env=environment, capture_output=True, check=True)
        seconds[name].append(perf_counter() - began)
        return done.stdout

    def bare() -> None:
        start("python", BARE)

    shown = benchmark.pedantic(start, ("runnerlib", [*program, *arguments]), setup=bare, rounds=20)

    assert shown.startswith(expected)
    assert bool(shown) == bool(expected)
    note_ratios(benchmark, "runnerlib", seconds)
