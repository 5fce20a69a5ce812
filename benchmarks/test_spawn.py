"""Starting a process: the runner's helper beside subprocess.Popen, in the same rounds."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from runnerlib.executor.local import ProcessSupervisor, _spawn
from runnerlib.executor.process_spec import ProcessSpec

COMMAND = ("/bin/true",)
ENVIRONMENT = tuple(f"{name}={value}".encode() for name, value in os.environ.items())


@pytest.fixture
def null() -> Iterator[int]:
    file = os.open(os.devnull, os.O_RDWR)
    yield file
    os.close(file)


def by_popen(null: int) -> int:
    """Start a command as the runner did before: a session of its own, and a pidfd."""
    child = subprocess.Popen(COMMAND, stdin=null, stdout=null, stderr=null, start_new_session=True)
    os.close(os.pidfd_open(child.pid))
    return child.wait()


def by_helper(null: int) -> int:
    pid, pidfd, _ = _spawn.spawn(b"/bin/true", (b"true",), ENVIRONMENT, b"/", input=null, output=null)
    os.close(pidfd)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


@pytest.mark.parametrize("way", [by_popen, by_helper])
@pytest.mark.benchmark(group="spawn")
def test_start_and_wait(benchmark: Callable[..., int], way: Callable[[int], int], null: int) -> None:
    assert benchmark(way, null) == 0


@pytest.mark.parametrize("cgroups", [False, True], ids=["marks", "cgroup"])
@pytest.mark.benchmark(group="spawn")
def test_whole_step(benchmark: Callable[..., int], cgroups: bool) -> None:
    """Everything that an engine asks for in the life of a step."""
    with ProcessSupervisor(cgroups=cgroups) as supervisor:

        def step() -> int:
            process = supervisor.start(ProcessSpec(COMMAND, Path("/"), os.environ))
            ended = process.reap()
            assert process.leftover() == []
            process.close()
            return ended.returncode

        assert benchmark(step) == 0


@pytest.mark.benchmark(group="custody")
def test_custody(benchmark: Callable[..., None]) -> None:
    """The cost that a job pays once."""
    benchmark(lambda: ProcessSupervisor(cgroups=False).close())
