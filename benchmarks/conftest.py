"""Sizes: small enough for a smoke test of the answers unless asked otherwise."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

MIB = 1 << 20


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the sizes of the texts."""
    group = parser.getgroup("runnerlib benchmarks")
    group.addoption(
        "--masking-mib",
        type=int,
        default=int(os.environ.get("RUNNERLIB_MASKING_MIB", "1")),
        help="MiB of text for masking (default: RUNNERLIB_MASKING_MIB or 1; 200 is what records use)",
    )
    group.addoption(
        "--pipe-mib",
        type=int,
        default=int(os.environ.get("RUNNERLIB_PIPE_MIB", "64")),
        help="MiB of text through a pipe (default: RUNNERLIB_PIPE_MIB or 64; 1024 is what records use)",
    )
    group.addoption(
        "--steps",
        type=int,
        default=int(os.environ.get("RUNNERLIB_STEPS", "50")),
        help="steps of a job (default: RUNNERLIB_STEPS or 50; 1000 is what records use)",
    )
    group.addoption(
        "--turns",
        type=int,
        default=int(os.environ.get("RUNNERLIB_TURNS", "2")),
        help="runs of each of two things that take turns (default: RUNNERLIB_TURNS or 2; 10 is what records use)",
    )
    for name, small, records in (("files", 200, 20_000), ("commits", 20, 2_000), ("rounds", 2, 7)):
        variable = f"RUNNERLIB_SOURCE_{name.upper()}"
        group.addoption(
            f"--source-{name}",
            type=int,
            default=int(os.environ.get(variable, small)),
            help=f"{name} of the sources benchmark (default: {variable} or {small}; {records} is what records use)",
        )


@pytest.fixture(scope="session")
def masking_bytes(pytestconfig: pytest.Config) -> int:
    """The size of a text to mask."""
    return int(pytestconfig.getoption("masking_mib")) * MIB


@pytest.fixture(scope="session")
def pipe_bytes(pytestconfig: pytest.Config) -> int:
    """The size of a text that goes through a pipe."""
    return int(pytestconfig.getoption("pipe_mib")) * MIB


@pytest.fixture(scope="session")
def program() -> list[str]:
    """The installed command, or the package that this Python would import."""
    installed = shutil.which("runnerlib", path=str(Path(sys.executable).parent))
    return [installed] if installed else [sys.executable, "-m", "runnerlib"]


@pytest.fixture(scope="session")
def environment() -> dict[str, str]:
    """Variables for runners: none whose name makes its value a secret, none that configures them."""
    return {name: os.environ[name] for name in ("PATH", "PYTHONPATH", "HOME") if name in os.environ}


@pytest.fixture(scope="session")
def memory_dir(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A directory in memory where there is one: disks are not what is measured."""
    shared = Path("/dev/shm")
    if not os.access(shared, os.W_OK):
        yield tmp_path_factory.mktemp("memory")
        return
    directory = shared / f"runnerlib-benchmarks-{os.getpid()}"
    directory.mkdir()
    yield directory
    shutil.rmtree(directory)
