"""Control groups: where they are, that steps are in them, that they are gone afterwards."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from runnerlib.process import Custody, cgroup
from runnerlib.process.cgroup import Group, Place, find_place
from tests.process.conftest import delegated
from tests.process.steps import alive, finish, launch, read_line, run, settled, wait_for_end


@pytest.fixture
def held() -> Iterator[Custody]:
    if not delegated():
        pytest.skip("no control group is delegated here")
    with Custody() as custody:
        yield custody


def group_of(custody: Custody) -> Path:
    assert custody._group is not None
    return Path(custody._group.path)


def test_a_step_starts_in_its_own_group(held: Custody) -> None:
    _, output = run(held, "sh", "-c", "grep ^0:: /proc/self/cgroup")
    assert output.decode().strip().endswith(f"/{group_of(held).name}/step-1")
    assert [entry.name for entry in group_of(held).iterdir() if entry.is_dir()] == []


def test_a_refused_step_leaves_no_group(held: Custody) -> None:
    with pytest.raises(Exception, match="cannot execute"):
        held.start(launch("/etc/passwd"))
    assert [entry.name for entry in group_of(held).iterdir() if entry.is_dir()] == []


def test_what_threw_off_every_mark_is_still_in_the_group(held: Custody) -> None:
    """Not even a privileged process that changes its limit of file locks gets away."""
    command = "ulimit -x 12345; exec env -i /usr/bin/setsid -f /bin/sh -c 'echo $$; exec sleep 1000'"
    process = held.start(launch("bash", "-c", command))
    escaped = int(read_line(process))
    process.reap()
    assert settled(process, 1) == {escaped}
    pidfd = os.pidfd_open(escaped)
    process.signal(signal.SIGKILL)
    wait_for_end([pidfd])
    assert process.survivors() == []
    assert not Path(f"/proc/{escaped}").exists(), "it is known from then on, and collected"
    process.close()


def test_groups_that_a_step_made_are_removed(held: Custody) -> None:
    path = group_of(held) / "step-1" / "inner"
    process = held.start(launch("sh", "-c", f"mkdir {path}; echo 0 > {path}/cgroup.procs; echo $$; exec sleep 1000"))
    pid = int(read_line(process))
    assert process.group is not None
    assert process.group.members() == [pid]
    process.close()
    assert not alive(pid)
    assert not path.parent.exists()


def test_the_group_of_the_job_is_removed() -> None:
    with Custody() as custody:
        group = custody._group
    assert group is None or not os.path.exists(group.path)


def test_a_group_that_was_taken_away(held: Custody) -> None:
    """Steps run without one then."""
    group_of(held).rmdir()
    process = held.start(launch("echo", "x"))
    assert process.group is None
    assert finish(process)[1] == b"x\n"
    group_of(held).mkdir()


def test_a_group_that_cannot_be_joined(held: Custody) -> None:
    """As when the part of the tree that is delegated does not hold the runner."""
    group = group_of(held)
    (group / "threaded").mkdir()
    (group / "threaded" / "cgroup.type").write_text("threaded")
    process = held.start(launch("echo", "x"))  # its group is an invalid domain now
    assert process.group is None
    assert finish(process)[1] == b"x\n"


def test_not_delegated(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cgroup, "find_place", lambda *kind: Place("/proc/self", "/proc"))
    assert cgroup.new_group() is None
    monkeypatch.setattr(cgroup, "find_place", lambda *kind: None)
    assert cgroup.new_group() is None


MOUNTS = """\
29 1 0:26 / /sys rw - sysfs sysfs rw
30 29 0:27 /docker/abc %(at)s/memory ro,nosuid master:2 - cgroup cgroup rw,memory
31 29 0:28 / %(at)s/cpu\\040set rw - cgroup cgroup rw,cpuset,cpu
32 29 0:29 / %(at)s/unified rw - cgroup2 cgroup2 rw
"""
OWN = "4:memory:/docker/abc/x\n3:cpuset,cpu:/\n0::/user.slice/my\n"


def test_places(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    texts = {"/proc/self/mountinfo": MOUNTS % {"at": tmp_path}, "/proc/self/cgroup": OWN}
    monkeypatch.setattr(cgroup, "_read", lambda path: texts[path].encode())
    for directory in ("memory/x", "cpu set", "unified/user.slice/my"):
        (tmp_path / directory).mkdir(parents=True)
    assert find_place("cgroup", "memory") == (f"{tmp_path}/memory/x", f"{tmp_path}/memory")
    assert find_place("cgroup", "cpuset") == (f"{tmp_path}/cpu set", f"{tmp_path}/cpu set")
    assert find_place("cgroup", "pids") is None
    assert find_place("cgroup2", "") == (f"{tmp_path}/unified/user.slice/my", f"{tmp_path}/unified")
    texts["/proc/self/cgroup"] = "4:memory:/elsewhere\n"
    assert find_place("cgroup", "memory") is None
    assert find_place("cgroup2", "") is None


def test_a_group_without_members(held: Custody) -> None:
    group = Group(str(group_of(held) / "empty"))
    assert group.members() == []
    group.kill()
    group.remove()
    group.remove()
    assert group.members() == []
