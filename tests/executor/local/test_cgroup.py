"""Control groups: where they are, that steps are in them, that they are gone afterwards."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from runnerlib._util import proc
from runnerlib.executor.local import ProcessSupervisor, cgroup
from runnerlib.executor.local.cgroup import Group, Place, find_place
from tests.executor.local.conftest import delegated
from tests.executor.local.steps import alive, finish, launch, read_line, run, settled, wait_for_end


@pytest.fixture
def held() -> Iterator[ProcessSupervisor]:
    if not delegated():
        pytest.skip("no control group is delegated here")
    with ProcessSupervisor() as supervisor:
        yield supervisor


def group_of(supervisor: ProcessSupervisor) -> Path:
    assert supervisor._groups is not None
    return Path(supervisor._groups.path)


def inside(supervisor: ProcessSupervisor) -> list[str]:
    """The groups of steps that there are."""
    return sorted(entry.name for entry in group_of(supervisor).iterdir() if entry.is_dir())


def test_a_step_starts_in_its_own_group(held: ProcessSupervisor) -> None:
    first, second = (held.start(launch("sh", "-c", "grep ^0:: /proc/self/cgroup; exec sleep 1000")) for _ in range(2))
    groups = [read_line(process).rsplit("/", 2)[1:] for process in (first, second)]
    assert groups == [[group_of(held).name, "steps-1"], [group_of(held).name, "steps-2"]]
    first.close()
    second.close()


def test_a_refused_step_gives_its_group_back(held: ProcessSupervisor) -> None:
    with pytest.raises(Exception, match="cannot execute"):
        held.start(launch("/etc/passwd"))
    run(held, "true")
    assert inside(held) == ["steps-1"]


def test_there_are_as_many_groups_as_steps_ran_at_once(held: ProcessSupervisor) -> None:
    for _ in range(3):
        pair = [held.start(launch("true")) for _ in range(2)]
        for process in pair:
            finish(process)
            process.close()
    assert inside(held) == ["steps-1", "steps-2"]


@pytest.mark.parametrize(
    "change",
    [
        "mkdir $group/more",
        "echo 1 > $group/cgroup.freeze",
        "echo 0 > $group/cgroup.max.descendants",
        "echo 1 > $group/cgroup.max.depth",
        "chmod 700 $group",
        "chown 1 $group",
    ],
)
def test_a_group_that_a_step_changed_is_not_given_to_another(held: ProcessSupervisor, change: str) -> None:
    """A process in a frozen group does not run, so a neighbour freezes it, once it is empty."""
    process = held.start(launch("true"))
    assert process.group is not None
    group = process.group.path
    process.reap()
    assert run(held, "sh", "-c", f"group={group}; {change}") == (0, b"")
    process.close()
    assert inside(held) == ["steps-2"]


def test_a_group_that_holds_a_survivor_is_not_given_to_another(held: ProcessSupervisor) -> None:
    """As when the kernel cannot end it at once."""
    groups = held._groups
    assert groups is not None
    process = held.start(launch("sleep", "1000"))
    assert process.group is not None
    groups.give_back(process.group)
    other = groups.take()
    assert other is not None
    assert other.path != process.group.path
    groups.give_back(other)
    process.close()


def test_what_threw_off_every_mark_is_still_in_the_group(held: ProcessSupervisor) -> None:
    """Not even a privileged process that changes its limit of file locks gets away."""
    command = "ulimit -x 12345; exec env -i /usr/bin/setsid -f /bin/sh -c 'echo $$; exec sleep 1000'"
    process = held.start(launch("bash", "-c", command))
    escaped = int(read_line(process))
    process.reap()
    assert settled(process, 1) == {escaped}
    pidfd = os.pidfd_open(escaped)
    process.signal(signal.SIGKILL)
    wait_for_end([pidfd])
    assert process.leftover() == []
    assert not Path(f"/proc/{escaped}").exists(), "it is known from then on, and collected"
    process.close()


def test_groups_that_a_step_made_are_removed(held: ProcessSupervisor) -> None:
    path = group_of(held) / "steps-1" / "inner"
    process = held.start(launch("sh", "-c", f"mkdir {path}; echo 0 > {path}/cgroup.procs; echo $$; exec sleep 1000"))
    pid = int(read_line(process))
    assert process.group is not None
    assert process.group.members() == [pid]
    process.close()
    assert not alive(pid)
    assert not path.parent.exists()


def test_the_group_of_the_job_is_removed() -> None:
    with ProcessSupervisor() as supervisor:
        run(supervisor, "true")
        groups = supervisor._groups
    assert groups is None or not os.path.exists(groups.path)


def test_a_group_that_was_taken_away(held: ProcessSupervisor) -> None:
    """Steps run without one then."""
    group_of(held).rmdir()
    process = held.start(launch("echo", "x"))
    assert process.group is None
    assert finish(process)[1] == b"x\n"
    group_of(held).mkdir()


def test_a_group_that_cannot_be_joined(held: ProcessSupervisor) -> None:
    """As when the part of the tree that is delegated does not hold the runner."""
    group = group_of(held)
    (group / "threaded").mkdir()
    (group / "threaded" / "cgroup.type").write_text("threaded")
    process = held.start(launch("echo", "x"))  # its group is an invalid domain now
    assert process.group is None
    assert finish(process)[1] == b"x\n"


def test_not_delegated(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cgroup, "find_place", lambda *kind: Place("/proc/self", "/proc"))
    assert cgroup.new_groups() is None
    monkeypatch.setattr(cgroup, "find_place", lambda *kind: None)
    assert cgroup.new_groups() is None


MOUNTS = """\
29 1 0:26 / /sys rw - sysfs sysfs rw
30 29 0:27 /docker/abc %(at)s/memory ro,nosuid master:2 - cgroup cgroup rw,memory
31 29 0:28 / %(at)s/cpu\\040set rw - cgroup cgroup rw,cpuset,cpu
32 29 0:29 / %(at)s/unified rw - cgroup2 cgroup2 rw
"""
OWN = "4:memory:/docker/abc/x\n3:cpuset,cpu:/\n0::/user.slice/my\n"


def test_places(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    texts = {"/proc/self/mountinfo": MOUNTS % {"at": tmp_path}, "/proc/self/cgroup": OWN}
    monkeypatch.setattr(proc, "read_proc", lambda path: texts[path].encode())
    for directory in ("memory/x", "cpu set", "unified/user.slice/my"):
        (tmp_path / directory).mkdir(parents=True)
    assert find_place("cgroup", "memory") == (f"{tmp_path}/memory/x", f"{tmp_path}/memory")
    assert find_place("cgroup", "cpuset") == (f"{tmp_path}/cpu set", f"{tmp_path}/cpu set")
    assert find_place("cgroup", "pids") is None
    assert find_place("cgroup2", "") == (f"{tmp_path}/unified/user.slice/my", f"{tmp_path}/unified")
    texts["/proc/self/cgroup"] = "4:memory:/elsewhere\n"
    assert find_place("cgroup", "memory") is None
    assert find_place("cgroup2", "") is None


def test_a_group_without_members(held: ProcessSupervisor) -> None:
    group = Group(str(group_of(held) / "empty"))
    assert group.members() == []
    group.kill()
    group.remove()
    group.remove()
    assert group.members() == []


def test_a_group_tells_the_cpu_of_its_step(held: ProcessSupervisor, tmp_path: Path) -> None:
    """That of what nobody waited for too, and not that of the step before it in the same group."""
    loop = "i=0; while [ $i -lt 300000 ]; do i=$((i+1)); done"

    def used(command: str) -> float:
        process = held.start(launch("sh", "-c", command))
        assert process.group is not None
        usage = process.reap().usage
        process.close()
        assert usage is not None
        return usage.user + usage.system

    busy, idle = used(loop), used(":")
    left = used(f"mkfifo {tmp_path}/p; (setsid sh -c '{loop}; echo > {tmp_path}/p' &); read x < {tmp_path}/p")
    assert idle < busy / 5
    assert left > busy / 5
