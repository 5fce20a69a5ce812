"""Want of memory is told from the kernel's counters, never from an exit code."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from runnerlib.executor.local import ProcessSupervisor
from runnerlib.executor.local import oom_kmsg as kmsg
from runnerlib.executor.local.accounting import Counter, OwnMemory, StepAccount, find_counter
from runnerlib.executor.local.cgroup import Group, Place, find_place, oom_kills
from tests.executor.local.steps import finish, launch

ROOT = Path(__file__).parents[3]
LIMIT = "killed by the kernel: out of memory (limit 48 MiB)"

# A runner that goes into the group of its first argument; each further one is a step, all at once.
HOST = """
import os, sys
from pathlib import Path
from runnerlib.executor.local import ProcessSupervisor
from runnerlib.executor.process_spec import ProcessSpec
if sys.argv[2] == "log":
    import runnerlib.executor.local.supervisor as room
    room.find_counter = lambda: None
Path(sys.argv[1], "cgroup.procs").write_text(str(os.getpid()))
with ProcessSupervisor() as supervisor:
    steps = [supervisor.start(ProcessSpec(("sh", "-c", step), Path("/"), dict(os.environ))) for step in sys.argv[3:]]
    for step in steps:
        ended = step.reap()
        print(ended.returncode, ended.oom)
"""
EAT = f"{sys.executable} -S -c 'x = bytearray(200 << 20)'"


@pytest.fixture
def memory_group() -> Iterator[Path]:
    """A group with a limit of 48 MiB, below the one that the tests run in."""
    place = find_place("cgroup", "memory")
    if place is None:
        pytest.skip("no memory groups of version 1 here")
    group = Path(place.own, f"runnerlib-test-{os.getpid()}")
    try:
        group.mkdir()
    except OSError:
        pytest.skip("no memory group can be made here")
    try:
        (group / "memory.limit_in_bytes").write_text(str(48 << 20))
        yield group
    finally:
        group.rmdir()


def host(group: Path, *steps: str, witness: str = "counter") -> list[str]:
    words = [sys.executable, "-c", HOST, str(group), witness, *steps]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=True)
    return done.stdout.splitlines()


@pytest.mark.parametrize(
    ("step", "ending"),
    [
        (f"exec {EAT}", f"-9 {LIMIT}"),
        (EAT + "; exit $?", f"137 a process was {LIMIT}"),
        (EAT + "; exit 2", f"2 a process was {LIMIT}"),
        (EAT + "; exit 0", "0 "),
        ("kill -9 $$", "-9 "),
        ("exit 137", "137 "),
    ],
)
def test_a_real_limit(memory_group: Path, step: str, ending: str) -> None:
    assert host(memory_group, step) == [ending]


def test_a_step_beside_one_that_was_killed_is_not_accused(memory_group: Path, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    bystander = f"read x < {gate}; exit 2"
    assert host(memory_group, bystander, f"{EAT}; echo > {gate}; exit 137") == ["2 ", f"137 a process was {LIMIT}"]


def test_the_kernels_log_where_nothing_is_counted(memory_group: Path) -> None:
    if os.readlink("/proc/self/ns/pid") != kmsg._FIRST_NAMESPACE or not os.access(kmsg._LOG, os.R_OK):
        pytest.skip("the kernel's log is not readable, or counts processes differently")
    assert host(memory_group, f"exec {EAT}", witness="log") == ["-9 killed by the kernel: out of memory"]
    assert host(memory_group, "kill -9 $$", witness="log") == ["-9 "]


def test_a_log_that_is_not_there(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(kmsg, "_LOG", str(tmp_path / "none"))
    assert not kmsg.killed(1, 0.0)


def write(directory: Path, **files: str) -> None:
    directory.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (directory / name.replace("_", ".", 1)).write_text(text)


def test_version_2_counts_and_the_lowest_limit_above(tmp_path: Path) -> None:
    own = tmp_path / "a" / "b"
    write(own, memory_events="low 0\noom 1\noom_kill 0\noom_group_kill 0\n", memory_max="max\n")
    write(tmp_path / "a", memory_max=f"{3 << 30}\n")
    write(tmp_path, memory_max=f"{(3 << 30) + 4096}\n")
    with closing(Counter(Place(str(own), str(tmp_path)), "memory.events", "memory.max")) as counter:
        account = StepAccount(counter, None, OwnMemory(), alone=True)
        assert account.oom(1, -9) == ""
        write(own, memory_events="oom_kill 1\n")
        assert account.oom(1, -9) == "killed by the kernel: out of memory (limit 3 GiB)"
        assert account.oom(1, 0) == ""


KILLED = "killed by the kernel: out of memory"


class Counting(Group):
    """A group of version 2 whose memory is counted, which most machines of today do in another hierarchy."""

    def __init__(self, counts: Iterator[int]) -> None:
        self._kills = counts

    def counts(self) -> bytes:
        return b"oom_kill %d\n" % next(self._kills)

    def cpu(self) -> None:
        return None


@pytest.mark.parametrize(
    ("counts", "reason"), [((2, 3), "a process was killed by the kernel: out of memory"), ((2, 2), "")]
)
def test_the_group_of_the_step_itself_needs_no_further_sign(
    tmp_path: Path, counts: tuple[int, int], reason: str
) -> None:
    """The counts from before are an earlier step's, which had the group."""
    counter = Counter(Place(str(tmp_path / "other"), str(tmp_path)), "memory.events", "memory.max")
    account = StepAccount(counter, Counting(iter(counts)), OwnMemory(), alone=False)
    assert account.oom(1, 2) == reason


def test_counters() -> None:
    assert oom_kills(b"low 0\noom 4\noom_kill 3\noom_group_kill 1\n") == 3
    assert oom_kills(b"") == 0


def test_killed_by_somebody_else_is_no_want_of_memory(supervisor: ProcessSupervisor) -> None:
    ended, _ = finish(supervisor.start(launch("sh", "-c", "kill -9 $$")))
    assert (ended.returncode, ended.oom) == (-9, "")


def test_the_counter_of_this_machine_can_be_read() -> None:
    counter = find_counter()
    if counter is None:
        pytest.skip("no memory groups here")
    with closing(counter):
        assert os.path.exists(counter.events)
        assert counter.killed() >= 0
