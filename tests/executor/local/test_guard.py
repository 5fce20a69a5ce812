"""A runner that is killed by SIGKILL, at any moment, leaves nothing of its job."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
from pathlib import Path
from random import Random

import pytest

from runnerlib._util.system import TerminalSize
from runnerlib.executor.local import ProcessSupervisor
from runnerlib.executor.local import watchdog as guard
from runnerlib.executor.local.cgroup import find_place
from runnerlib.executor.local.process_tag import ProcessTag, new_tag
from tests.executor.local.conftest import delegated
from tests.executor.local.steps import alive, wait_for_end
from tests.executor.local.test_tree import FORKS

ROOT = Path(__file__).parents[3]

# Says the number of its guard and its mark; then it starts steps for ever, and never gets to their end.
HOST = f"""
import os, sys
from pathlib import Path
from runnerlib.executor.local import ProcessSupervisor
from runnerlib.executor.process_spec import ProcessSpec
from runnerlib._util.system import TerminalSize
supervisor = ProcessSupervisor(cgroups=sys.argv[1] == "cgroup")
tag, groups = supervisor._tag, supervisor._groups
print(supervisor._watchdog.pid, tag.number, tag.text, groups and groups.path, flush=True)
ESCAPE = "env -i /usr/bin/setsid -f /bin/sh -c 'trap : TERM HUP; while :; do sleep 1000; done' & exec sleep 1000"
STEPS = {{
    "steps": [("sh", "-c", ESCAPE), ("sleep", "1000"), ("sh", "-c", "setsid -f sleep 1000; cat")],
    "one": [("sleep", "1000")],
    "forks": [(sys.executable, "-S", "-c", {FORKS!r})],
}}
for count in range(int(sys.argv[3])):
    for argv in STEPS[sys.argv[2]]:
        tty = TerminalSize(5, 5) if count % 3 == 2 else None
        supervisor.start(ProcessSpec(argv, Path("/"), dict(os.environ), tty=tty))
    os.write(1, b".")
sys.stdin.read()
"""


class Host:
    """A runner that can be killed, and what must be gone after that."""

    def __init__(self, kind: str, steps: str, count: int) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", HOST, kind, steps, str(count)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=ROOT,
            bufsize=0,
        )
        assert self.process.stdout is not None
        line = b""
        while not line.endswith(b"\n"):
            line += self.process.stdout.read(1)
        guard_pid, number, text, self.group = line.decode().split()
        self.tag = ProcessTag(int(number), text)
        self.guard = os.pidfd_open(int(guard_pid))

    def read(self, size: int) -> None:
        """Wait until the host has come so far."""
        assert self.process.stdout is not None
        while size > 0:
            size -= len(self.process.stdout.read(size))

    def kill(self) -> None:
        self.process.kill()
        self.process.communicate()

    def assert_nothing_is_left(self) -> None:
        """The guard ends when it finds nothing more; then there is nothing."""
        wait_for_end([self.guard])
        left = [
            pid for pid in map(int, filter(str.isdecimal, os.listdir("/proc"))) if self.tag.step_of(pid) is not None
        ]
        assert [pid for pid in left if alive(pid)] == []
        assert not os.path.exists(self.group)


@pytest.fixture(params=["cgroup", "plain"])
def kind(request: pytest.FixtureRequest) -> str:
    if request.param == "cgroup" and not delegated():
        pytest.skip("no control group is delegated here")
    return str(request.param)


@pytest.mark.parametrize("round", [0, 1, *(pytest.param(number, marks=pytest.mark.slow) for number in range(2, 12))])
def test_killed_at_a_random_moment(kind: str, round: int) -> None:
    """The moment is one of the host's progress and, behind it, of a random stretch of work."""
    chance = Random(f"{kind} {round}")
    host = Host(kind, "steps", 12)
    host.read(chance.randrange(12))
    for _ in range(chance.randrange(20_000)):
        pass
    host.kill()
    host.assert_nothing_is_left()


def test_killed_with_500_children(kind: str) -> None:
    host = Host(kind, "forks", 1)
    host.read(1)
    host.kill()
    host.assert_nothing_is_left()


def test_without_a_guard_the_first_process_ends_all_the_same() -> None:
    """As when everything of the runner is killed at once."""
    host = Host("plain", "one", 1)
    host.read(1)
    step = [pid for pid in map(int, filter(str.isdecimal, os.listdir("/proc"))) if host.tag.step_of(pid) is not None]
    ended = [os.pidfd_open(pid) for pid in step]
    assert len(ended) == 1
    signal.pidfd_send_signal(host.guard, signal.SIGKILL)
    host.kill()
    wait_for_end([*ended, host.guard])


def test_a_program_that_ends_without_closing(kind: str) -> None:
    host = Host(kind, "steps", 2)
    host.read(2)
    assert host.process.stdin is not None
    host.process.communicate()
    host.assert_nothing_is_left()


def test_the_guard_holds_nothing_of_the_runner_open() -> None:
    reader, writer = os.pipe()
    with ProcessSupervisor() as supervisor:
        os.close(writer)
        ready = select.select([reader], [], [], 60)[0]
        assert ready, "the writing end is still open somewhere"
        assert os.path.samefile(f"/proc/{supervisor._watchdog.pid}/cwd", "/")
    os.close(reader)


def test_the_guard_ignores_signals_that_ask_to_stop() -> None:
    with ProcessSupervisor() as supervisor:
        pid = supervisor._watchdog.pid
        status = Path(f"/proc/{pid}/status")
        while "SigBlk:\tfffffffe" not in status.read_text():  # until it has come so far
            assert alive(pid)
        assert os.getsid(pid) == pid
        for signum in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            os.kill(pid, signum)
        assert alive(pid)


def test_a_guard_without_a_job_ends_nothing() -> None:
    """Should its orders be incomplete it does not take everything for the job's."""
    for words in ([], ["1", "0"], ["1", "0", ""]):
        assert subprocess.run([guard._PROGRAM, *words], check=False).returncode == 2


def test_marks_of_different_jobs_differ() -> None:
    assert len({new_tag().text for _ in range(100)}) == 100
    assert TerminalSize(1, 2) == (1, 2)
    assert find_place("cgroup2", "nonsense") is None
