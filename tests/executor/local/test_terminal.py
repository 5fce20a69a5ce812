"""A step on a terminal: its size, its session, its output to the end."""

from __future__ import annotations

import os
import signal
import sys

from runnerlib._util.system import TerminalSize
from runnerlib.executor.local import ProcessSupervisor
from tests.executor.local.steps import finish, launch, read_line, run

SIZE = TerminalSize(rows=33, columns=101)


def test_size_and_all_three_descriptors(supervisor: ProcessSupervisor) -> None:
    code, output = run(supervisor, "sh", "-c", "stty size; test -t 0 && test -t 1 && test -t 2 && echo all", tty=SIZE)
    assert (code, output) == (0, b"33 101\r\nall\r\n")


def test_it_is_the_controlling_terminal(supervisor: ProcessSupervisor) -> None:
    assert run(supervisor, "sh", "-c", "echo through > /dev/tty", tty=SIZE) == (0, b"through\r\n")


def test_it_does_not_become_the_runners_terminal(supervisor: ProcessSupervisor) -> None:
    with open("/proc/self/stat") as file:
        before = file.read().rpartition(")")[2].split()[4]
    run(supervisor, "true", tty=SIZE)
    with open("/proc/self/stat") as file:
        assert file.read().rpartition(")")[2].split()[4] == before


def test_output_is_read_to_its_end(supervisor: ProcessSupervisor) -> None:
    code, output = run(
        supervisor, sys.executable, "-c", "print('x' * 77 + '\\n' * 1, end='') or print('y' * 99999)", tty=SIZE
    )
    assert (code, output) == (0, b"x" * 77 + b"\r\n" + b"y" * 99999 + b"\r\n")


def test_unread_counts_what_a_terminal_holds(supervisor: ProcessSupervisor) -> None:
    process = supervisor.start(launch("printf", "12345", tty=SIZE))
    assert process.reap().returncode == 0
    assert process.unread() == 5
    assert process.read(100) == b"12345"
    assert process.read(100) == b""
    process.close()


def test_keys_pressed_reach_the_group_in_front(supervisor: ProcessSupervisor) -> None:
    process = supervisor.start(launch("sh", "-c", "echo up; exec sleep 1000", tty=SIZE))
    assert read_line(process) == "up"
    os.write(process.output, b"\x03")
    ended, output = finish(process)
    assert ended.returncode == -signal.SIGINT
    # The kernel shows the key after it has sent the signal: the process may be gone before.
    assert output in {b"^C", b""}


def test_closing_hangs_up(supervisor: ProcessSupervisor) -> None:
    """The terminal goes away with the step, so that its last processes hear of it."""
    code = "trap 'exit 7' HUP; echo up; while :; do sleep 1000 & wait; done"
    process = supervisor.start(launch("sh", "-c", code, tty=SIZE))
    assert read_line(process) == "up"
    pidfd = os.pidfd_open(process.pid)
    output = os.dup(process.output)
    process.signal(signal.SIGHUP)
    os.close(output)
    os.close(pidfd)
    assert process.reap().returncode == 7
    process.close()
