"""Every process that a step starts is found, signalled and ended, however it hides; and nothing else is."""

from __future__ import annotations

import os
import signal
import sys
import threading
from pathlib import Path

import pytest

from runnerlib.executor.local import Process, ProcessSupervisor, process_tag
from runnerlib.executor.local import process_tree as tree
from runnerlib.executor.local.process_tag import TAG
from tests.executor.local.steps import alive, kill_tree, launch, read_line, run, settled, wait_for_end
from tests.waiting import until

# Each prints the number of a process that the step leaves behind, which waits for ever.
WAIT = "echo $$; exec sleep 100000"
ESCAPES = {
    "background": f"sh -c '{WAIT}' &",
    "setsid": f"setsid -f sh -c '{WAIT}'",
    "double fork": "(setsid sh -c 'sh -c \"echo \\$\\$; exec sleep 100000\" & exit' &)",
    "empty environment": f"env -i /usr/bin/setsid -f /bin/sh -c '{WAIT}'",
    "other environment": f"{TAG}=other setsid -f sh -c '{WAIT}'",
    "quiet": "exec 3>&1; setsid -f sh -c 'echo $$ >&3; exec 0<&- 1>&- 2>&- 3>&-; exec sleep 100000'",
    "deaf": f"env -i /usr/bin/setsid -f /bin/sh -c 'trap \"\" TERM INT HUP; {WAIT}'",
    "stopped": "setsid -f sh -c 'echo $$; kill -STOP $$'",
}


@pytest.mark.parametrize("how", ESCAPES)
def test_an_escapee_is_found_and_ended(supervisor: ProcessSupervisor, how: str) -> None:
    process = supervisor.start(launch("sh", "-c", f"{ESCAPES[how]}"))
    escaped = int(read_line(process))
    assert process.reap().returncode == 0
    assert settled(process, 1) == {escaped}
    kill_tree(process)
    assert not Path(f"/proc/{escaped}").exists(), "it is not even a zombie"
    process.close()


def test_term_reaches_escapees_before_the_command_ends(supervisor: ProcessSupervisor) -> None:
    """A cancelled step needs one signal for everything, each process once."""
    command = (
        "env -i /usr/bin/setsid -f /bin/sh -c 'trap \"echo told\" TERM; echo $$; while :; do sleep 1000 & wait; done'"
    )
    process = supervisor.start(launch("sh", "-c", f"{command}; exec sleep 1000"))
    escaped = int(read_line(process))
    while {seen.command for seen in process.leftover() if seen.pid == process.pid} != {"sleep 1000"}:
        pass
    process.signal(signal.SIGTERM)
    assert read_line(process) == "told"
    assert process.reap().returncode == -signal.SIGTERM
    assert alive(escaped)
    kill_tree(process)
    assert not alive(escaped)
    process.close()


FORKS = """
import os, signal
for number in range(500):
    if os.fork() == 0:
        if number % 2:
            os.setsid()
            if os.fork():
                os._exit(0)
        os.write(1, b"%d\\n" % number)
        signal.pause()
os.write(1, b"all\\n")
"""


def test_500_children_half_of_them_in_sessions_of_their_own(supervisor: ProcessSupervisor) -> None:
    process = supervisor.start(launch(sys.executable, "-S", "-c", FORKS))
    told = {read_line(process) for _ in range(501)}
    assert told == {"all", *map(str, range(500))}
    assert process.reap().returncode == 0
    assert len(settled(process, 500)) == 500
    kill_tree(process)
    assert process.leftover() == []
    process.close()


def test_closing_a_running_step_ends_its_escapees(supervisor: ProcessSupervisor) -> None:
    process = supervisor.start(launch("sh", "-c", f"{ESCAPES['empty environment']}; exec sleep 1000"))
    escaped = int(read_line(process))
    process.close()
    assert not alive(escaped)


def test_orphans_of_parallel_steps_are_told_apart(supervisor: ProcessSupervisor) -> None:
    steps: list[Process] = [supervisor.start(launch("sh", "-c", ESCAPES["empty environment"])) for _ in range(5)]
    orphans = [int(read_line(step)) for step in steps]
    for step in steps:
        step.reap()
    assert [settled(step, 1) for step in steps] == [{orphan} for orphan in orphans]
    assert supervisor.orphans() == []
    kill_tree(steps[2])
    assert [alive(orphan) for orphan in orphans] == [True, True, False, True, True]
    for step in steps:
        kill_tree(step)
        step.close()


def test_what_a_closed_step_left_is_a_stray(supervisor: ProcessSupervisor) -> None:
    process = supervisor.start(launch("sh", "-c", ESCAPES["empty environment"]))
    escaped = int(read_line(process))
    process.reap()
    process.close()
    assert [seen.pid for seen in supervisor.orphans()] == [escaped]
    pidfd = os.pidfd_open(escaped)
    supervisor.signal_orphans(signal.SIGKILL)
    wait_for_end([pidfd])
    assert supervisor.orphans() == []
    assert not Path(f"/proc/{escaped}").exists()


def test_a_custody_ends_strays_and_running_steps() -> None:
    with ProcessSupervisor() as supervisor:
        left = supervisor.start(launch("sh", "-c", ESCAPES["setsid"]))
        orphan = int(read_line(left))
        left.reap()
        left.close()
        running = supervisor.start(launch("sh", "-c", f"{ESCAPES['background']} exec sleep 1000"))
        member = int(read_line(running))
    assert not alive(orphan)
    assert not alive(member)
    assert not alive(running.pid)
    supervisor.close()


def test_the_dead_are_collected_while_the_step_runs(supervisor: ProcessSupervisor) -> None:
    """A build that daemonizes thousands of short-lived helpers must not fill the table of processes."""
    command = "for i in 1 2 3; do env -i /usr/bin/setsid -f /bin/sh -c 'echo $$'; done; exec sleep 1000"
    process = supervisor.start(launch("sh", "-c", command))
    helpers = [int(read_line(process)) for _ in range(3)]
    for helper in helpers:
        try:
            wait_for_end([os.pidfd_open(helper)])
        except ProcessLookupError:
            continue

    def collected() -> bool:
        """One that has ended before the process that started it comes to this one only when that ends, too."""
        supervisor.reap_dead()
        return not any(Path(f"/proc/{helper}").exists() for helper in helpers)

    until(collected)
    process.close()
    supervisor.reap_dead()


def test_a_step_whose_first_thread_has_ended_is_alive(supervisor: ProcessSupervisor) -> None:
    """Such a process looks like a zombie."""
    code = """
import ctypes, os, threading
def rest():
    while open("/proc/self/stat").read().rpartition(")")[2].split()[0] != "Z":
        pass
    os.write(1, b"%d\\n" % os.getpid())
    threading.Event().wait()
if os.fork() == 0:
    os.setsid()
    threading.Thread(target=rest).start()
    ctypes.CDLL(None).pthread_exit(None)
"""
    process = supervisor.start(launch(sys.executable, "-S", "-c", code))
    headless = int(read_line(process))
    process.reap()
    assert settled(process, 1) == {headless}
    kill_tree(process)
    process.close()


def test_a_kernel_without_lists_of_children(supervisor: ProcessSupervisor, monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(thread: str) -> list[int]:
        raise NotImplementedError

    monkeypatch.setattr(tree, "children_of_thread", absent)
    supervisor._children.close()  # it has none, then
    test_an_escapee_is_found_and_ended(supervisor, "empty environment")


def test_a_system_that_does_not_show_limits(supervisor: ProcessSupervisor, monkeypatch: pytest.MonkeyPatch) -> None:
    """The tag in the environment does it there, and what was seen once is remembered when it is dead.

    Only what was dead before it was seen stays a zombie there, like the middle of a double fork.
    """
    monkeypatch.setattr(process_tag, "_limits", lambda pid: [])
    for how in ("background", "setsid", "quiet"):
        test_an_escapee_is_found_and_ended(supervisor, how)


def test_a_process_that_is_gone_has_no_children() -> None:
    assert tree.children((1 << 22) + 1) == []
    assert tree.status((1 << 22) + 1) is None


def test_a_custody_inside_a_step(supervisor: ProcessSupervisor) -> None:
    """The processes of an inner runner are the outer step's too."""
    inner = f"""
import os
from pathlib import Path
from runnerlib.executor.local import ProcessSupervisor
from runnerlib.executor.process_spec import ProcessSpec
supervisor = ProcessSupervisor(cgroups={supervisor._groups is not None})
step = supervisor.start(ProcessSpec(("sh", "-c", {ESCAPES["empty environment"]!r}), Path("/"), dict(os.environ)))
line = b""
os.set_blocking(step.output, True)
os.write(1, step.read(100))
step.reap()
os.kill(os.getpid(), 9)
"""
    process = supervisor.start(launch(sys.executable, "-c", inner, cwd=Path(__file__).parents[3]))
    escaped = int(read_line(process))
    assert process.reap().returncode == -signal.SIGKILL
    kill_tree(process)  # what the inner guard has not ended yet
    assert not alive(escaped)
    process.close()


def test_from_a_thread(supervisor: ProcessSupervisor, tmp_path: Path) -> None:
    """A step does not end with the thread that started it."""
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    started: list[Process] = []
    what = launch("sh", "-c", "read x < gate; echo on", cwd=tmp_path)
    thread = threading.Thread(target=lambda: started.append(supervisor.start(what)))
    thread.start()
    task = Path(f"/proc/self/task/{thread.native_id}")
    thread.join()
    while task.exists():  # Python is done with a thread a little before the kernel is
        pass
    gate.write_text("go\n")
    assert read_line(started[0]) == "on"
    assert started[0].reap().returncode == 0
    started[0].close()


def test_many_steps_one_after_the_other(supervisor: ProcessSupervisor) -> None:
    for number in range(200):
        assert run(supervisor, "echo", str(number)) == (0, b"%d\n" % number)
