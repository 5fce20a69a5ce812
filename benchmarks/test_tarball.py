"""An archive of many small files: unpacked by runnerlib and by `tar`, in the same rounds."""

from __future__ import annotations

import filecmp
import os
import shutil
import subprocess
from statistics import median
from time import perf_counter
from typing import TYPE_CHECKING

import pytest

from benchmarks.repository import Repository, git
from benchmarks.timing import note_ratios, take_turns
from runnerlib.source import SourceSpec, prepare

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pytest_benchmark.fixture import BenchmarkFixture


@pytest.fixture(scope="module")
def repository(memory_dir: Path, pytestconfig: pytest.Config) -> Repository:
    """Return the repository that is archived, in memory."""
    (memory_dir / "archives").mkdir()
    return Repository(memory_dir / "archives/repository", int(pytestconfig.getoption("source_files")), 1)


@pytest.mark.parametrize("packing", ["tar", "tar.gz"])
def test_unpack(benchmark: BenchmarkFixture, repository: Repository, packing: str, pytestconfig: pytest.Config) -> None:
    """From a file to a tree. What runnerlib makes is swapped in whole; `tar` writes where it stands."""
    benchmark.group = f"unpack {packing}"
    room = repository.path.parent
    archive = room / f"archive.{packing}"
    git(repository.path, "archive", f"--format={packing}", f"--output={archive}", "main")
    compared = False

    def timed(name: str, unpack: Callable[[Path], object]) -> Callable[[], float]:
        def once() -> float:
            began = perf_counter()
            unpack(room / name)
            took = perf_counter() - began
            nonlocal compared
            if not compared and name == "ours":
                compared = True
                by_tar(room / "theirs")
                assert same(room / "ours", room / "theirs")
                shutil.rmtree(room / "theirs")
            shutil.rmtree(room / name)
            return took

        return once

    def by_tar(target: Path) -> None:
        target.mkdir()
        subprocess.run(["tar", "-xf", archive, "-C", target], check=True)

    def by_us(target: Path) -> None:
        prepare(SourceSpec("tarball", str(archive)), target)

    runs = {"tar": timed("tar", by_tar), "ours": timed("ours", by_us)}
    rounds = int(pytestconfig.getoption("source_rounds"))
    seconds = benchmark.pedantic(take_turns, (runs, rounds), rounds=1)
    note_ratios(benchmark, "ours", seconds)
    benchmark.extra_info["seconds"] = {name: round(median(took), 3) for name, took in seconds.items()}
    assert compared


def same(one: Path, other: Path) -> bool:
    """Return whether two trees have the same files, modes, times and contents."""
    for directory, _, names in os.walk(one):
        beside = other / os.path.relpath(directory, one)
        found = {name: os.lstat(f"{directory}/{name}") for name in names}
        if sorted(os.listdir(directory)) != sorted(os.listdir(beside)):
            return False
        for name, state in found.items():
            twin = os.lstat(beside / name)
            if (state.st_mode, state.st_mtime) != (twin.st_mode, twin.st_mtime):
                return False
        if filecmp.cmpfiles(directory, beside, names, shallow=False)[0] != names:
            return False
    return True
