"""A child process: started in its own session, signalled as a whole, seen in /proc."""

from __future__ import annotations

import errno
import os
import resource
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from runnerlib._util import system
from runnerlib.errors import RunnerError
from runnerlib.executor.local import Process, ProcessSupervisor, holders, members
from runnerlib.executor.process_spec import CommandError
from tests.executor.local.steps import finish, launch, read_line, run

WAITER = Path(__file__).parents[2] / "waiter.py"


@pytest.fixture
def sleeper(supervisor: ProcessSupervisor, tmp_path: Path) -> Iterator[Process]:
    """A shell and its child, both waiting."""
    os.mkfifo(tmp_path / "up")
    command = f"{sys.executable} -S {WAITER} up & read x < up; wait"
    child = supervisor.start(launch("sh", "-c", command, cwd=tmp_path))
    assert read_line(child)
    yield child
    child.signal(signal.SIGKILL)
    child.reap()
    child.close()


def test_output_is_one_pipe_in_order(supervisor: ProcessSupervisor) -> None:
    code, output = run(supervisor, "sh", "-c", "for i in 1 2 3; do echo out$i; echo err$i >&2; done")
    assert (code, output) == (0, b"out1\nerr1\nout2\nerr2\nout3\nerr3\n")


def test_stdout_is_a_real_pipe_that_can_be_opened(supervisor: ProcessSupervisor) -> None:
    assert run(supervisor, "sh", "-c", "echo a > /dev/stdout; echo b | tee /dev/stderr") == (0, b"a\nb\nb\n")


def test_stdin_is_empty(supervisor: ProcessSupervisor) -> None:
    assert run(supervisor, "cat") == (0, b"")


def test_own_session_and_group(supervisor: ProcessSupervisor) -> None:
    code = "import os; print(os.getpid() == os.getsid(0) == os.getpgrp())"
    assert run(supervisor, sys.executable, "-c", code) == (0, b"True\n")


def test_no_descriptor_of_the_runner_reaches_the_child(supervisor: ProcessSupervisor, tmp_path: Path) -> None:
    with (tmp_path / "secret").open("w") as file:
        os.set_inheritable(file.fileno(), True)
        _, output = run(supervisor, "sh", "-c", "ls /proc/self/fd | wc -l")
    assert output.strip() == b"4"  # 0, 1, 2 and the one that lists


def test_environment_and_directory(supervisor: ProcessSupervisor, tmp_path: Path) -> None:
    assert run(supervisor, "sh", "-c", "echo $A; pwd", cwd=tmp_path, env={"A": "1", "PATH": os.environ["PATH"]}) == (
        0,
        f"1\n{tmp_path}\n".encode(),
    )


def test_the_command_is_looked_up_in_the_path_of_the_job(supervisor: ProcessSupervisor, tmp_path: Path) -> None:
    tool = tmp_path / "mytool"
    tool.write_text("#!/bin/sh\necho mine\n")
    tool.chmod(0o755)
    assert run(supervisor, "mytool", env={"PATH": str(tmp_path)}) == (0, b"mine\n")


def test_sigpipe_has_its_default_action(supervisor: ProcessSupervisor) -> None:
    code, _ = run(supervisor, "sh", "-c", "kill -PIPE $$")
    assert code == -signal.SIGPIPE


def test_relative_directories_in_the_path_count_from_the_directory_of_the_job(
    supervisor: ProcessSupervisor, tmp_path: Path
) -> None:
    tool = tmp_path / "bin" / "mytool"
    tool.parent.mkdir()
    tool.write_text("#!/bin/sh\necho $0 $1\n")
    tool.chmod(0o755)
    assert run(supervisor, "mytool", "x", cwd=tmp_path, env={"PATH": "/nonexistent:bin"})[1].endswith(b"mytool x\n")


def test_directories_of_the_path_that_may_not_be_searched_are_passed_over(
    supervisor: ProcessSupervisor, tmp_path: Path
) -> None:
    (tmp_path / "echo").mkdir()
    (tmp_path / "no-such").write_text("not executable")
    path = f"{tmp_path}:{os.environ['PATH']}"
    assert run(supervisor, "echo", "x", env={"PATH": path}) == (0, b"x\n")
    with pytest.raises(CommandError, match="command not found: 'no-such'"):
        run(supervisor, "no-such", env={"PATH": path})


@pytest.mark.parametrize(
    ("argv", "code", "reason"),
    [
        (("no-such-command",), 127, "command not found: 'no-such-command'"),
        (("/no/such/command",), 127, "command not found: '/no/such/command'"),
        (("/etc/passwd",), 126, "cannot execute '/etc/passwd': Permission denied"),
        (("/",), 126, "cannot execute '/': Permission denied"),
        (("",), 127, "command not found: ''"),
        (("echo", "a\0b"), 126, "cannot execute 'echo': an argument or a variable has a NUL byte"),
        (("echo", "x" * (1 << 22)), 126, "cannot execute 'echo': Argument list too long"),
    ],
)
def test_commands_that_cannot_be_executed(
    supervisor: ProcessSupervisor, argv: tuple[str, ...], code: int, reason: str
) -> None:
    with pytest.raises(CommandError) as caught:
        supervisor.start(launch(*argv, env={"PATH": os.environ["PATH"]}))
    assert (caught.value.exit_code, str(caught.value)) == (code, reason)


def test_a_missing_directory(supervisor: ProcessSupervisor, tmp_path: Path) -> None:
    with pytest.raises(RunnerError, match=r"the directory of the job '.*/none' does not exist"):
        supervisor.start(launch("true", cwd=tmp_path / "none"))


def test_a_pipe_that_may_not_grow_is_good_enough(
    supervisor: ProcessSupervisor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(system, "PIPE_SIZE", 1 << 31)
    assert run(supervisor, "echo", "small") == (0, b"small\n")


def test_a_signal_reaches_the_whole_group(sleeper: Process) -> None:
    group = {seen.pid for seen in sleeper.leftover()}
    assert len(group) == 2
    sleeper.signal(signal.SIGTERM)
    assert sleeper.reap().returncode == -signal.SIGTERM
    assert sleeper.leftover() == [] or {seen.pid for seen in sleeper.leftover()} < group
    sleeper.signal(signal.SIGKILL)


def test_members_are_named(sleeper: Process) -> None:
    waiter = f"{sys.executable} -S {WAITER} up"
    assert [seen.command for seen in members(sleeper.pid)] == [f"sh -c {waiter} & read x < up; wait", waiter]


def test_holders_of_a_pipe_are_named(sleeper: Process) -> None:
    assert {seen.pid for seen in holders(sleeper.output)} == {seen.pid for seen in members(sleeper.pid)}


def test_unread_counts_what_waits_in_the_pipe(supervisor: ProcessSupervisor) -> None:
    child = supervisor.start(launch("sh", "-c", "printf 12345"))
    assert child.reap().returncode == 0
    assert child.unread() == 5
    assert os.read(child.output, 3) == b"123"
    assert child.unread() == 2
    child.close()


def test_closing_a_process_that_runs_kills_it(supervisor: ProcessSupervisor) -> None:
    child = supervisor.start(launch("sleep", "1000"))
    child.close()
    assert not Path(f"/proc/{child.pid}").exists()


def test_stdin_is_read_to_its_end_however_long(supervisor: ProcessSupervisor) -> None:
    text = os.urandom(3 << 20)
    assert run(supervisor, "cat", stdin=text) == (0, text)


def test_stdin_that_nobody_reads(supervisor: ProcessSupervisor) -> None:
    assert run(supervisor, "true", stdin=b"x" * (1 << 20)) == (0, b"")


def test_no_signal_is_blocked_and_no_handler_is_left(supervisor: ProcessSupervisor) -> None:
    # What the tests' own caller ignores (`nohup`, a job in the background) stays ignored, as for every program.
    kept = {number for number in signal.valid_signals() if signal.getsignal(number) is signal.SIG_IGN}
    kept -= {signal.SIGPIPE, signal.SIGXFSZ, signal.SIGCHLD}
    ignored = sum(1 << (number - 1) for number in kept)
    blocked = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM, signal.SIGUSR1})
    try:
        _, output = run(supervisor, "grep", "^Sig[BI]", "/proc/self/status")
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, blocked)
    assert output.decode().split() == ["SigBlk:", "0" * 16, "SigIgn:", f"{ignored:016x}"]


def test_signals_that_are_ignored_stay_ignored(supervisor: ProcessSupervisor) -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        assert run(supervisor, "sh", "-c", "kill -HUP $$; echo alive") == (0, b"alive\n")
    finally:
        signal.signal(signal.SIGHUP, before)


def test_usage_of_the_process_and_what_it_waited_for(supervisor: ProcessSupervisor) -> None:
    code = "sum(range(10**6))"
    ended, _ = finish(supervisor.start(launch("sh", "-c", f"{sys.executable} -S -c '{code}'; true")))
    assert ended.usage.user + ended.usage.system > 0
    assert ended.usage.read is not None
    assert ended.usage.written is not None


def test_reaping_twice_says_the_same(supervisor: ProcessSupervisor) -> None:
    child = supervisor.start(launch("sh", "-c", "exit 3"))
    assert child.reap() is child.reap()
    assert child.reap().returncode == 3
    child.close()
    child.close()


def test_a_process_that_somebody_else_reaped(supervisor: ProcessSupervisor) -> None:
    child = supervisor.start(launch("true"))
    os.waitpid(child.pid, 0)
    with pytest.raises(RunnerError, match="was reaped by another part of the program"):
        child.reap()
    child.close()


def test_no_descriptors_left(supervisor: ProcessSupervisor) -> None:
    """At every number of descriptors that are still free the error is the same, and nothing is left open."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    used = set(map(int, os.listdir("/proc/self/fd")))
    limits = [number for number in range(1000) if number not in used][:16]
    started = 0
    try:
        for limit in limits:
            resource.setrlimit(resource.RLIMIT_NOFILE, (limit, hard))
            try:
                child = supervisor.start(launch("true", stdin=b"text"))
            except RunnerError as error:
                assert str(error) == f"cannot start a process: {os.strerror(errno.EMFILE)}"
            else:
                resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
                assert finish(child)[0].returncode == 0
                started += 1
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert 0 < started < len(limits)


def test_room_for_logs_is_kept_when_a_low_descriptor_is_free(supervisor: ProcessSupervisor) -> None:
    """Descriptors of steps that have ended are used again, below those of the steps that still run."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    low = [os.open(os.devnull, os.O_RDONLY) for _ in range(8)]
    running = supervisor.start(launch("sleep", "1000"))
    try:
        # No higher one is free but those that logs may need.
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(running.output, running.exited) + 6, hard))
        for descriptor in low:
            os.close(descriptor)
        with pytest.raises(RunnerError, match="cannot start a process: Too many open files"):
            supervisor.start(launch("true"))
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        running.signal(signal.SIGKILL)
    finish(running)


PIDS = Path("/sys/fs/cgroup/pids")
NO_ROOM = """
import os, sys
from pathlib import Path
from runnerlib.errors import RunnerError
from runnerlib.executor.local import ProcessSupervisor
from runnerlib.executor.process_spec import ProcessSpec
with ProcessSupervisor(cgroups=False) as supervisor:
    Path(sys.argv[1], "cgroup.procs").write_text(str(os.getpid()))
    Path(sys.argv[1], "pids.max").write_text("1")
    try:
        supervisor.start(ProcessSpec(("true",), Path("/"), dict(os.environ)))
    except RunnerError as error:
        print(error)
    Path(sys.argv[1], "pids.max").write_text("max")
    print(supervisor.start(ProcessSpec(("true",), Path("/"), dict(os.environ))).reap().returncode)
"""


def test_no_room_for_a_process(tmp_path: Path) -> None:
    place = PIDS / f"runnerlib-test-{os.getpid()}"
    try:
        place.mkdir()
    except OSError:
        pytest.skip("no group with a limit of processes can be made here")
    try:
        done = subprocess.run([sys.executable, "-c", NO_ROOM, place], capture_output=True, text=True, check=False)
    finally:
        place.rmdir()
    assert (done.stderr, done.stdout) == ("", "cannot start a process: Resource temporarily unavailable\n0\n")


def test_a_variable_that_is_no_text(supervisor: ProcessSupervisor) -> None:
    with pytest.raises(CommandError, match="cannot execute 'true': an argument or a variable is no text"):
        supervisor.start(launch("true", env={**os.environ, "A": "\ud800"}))


def test_after_a_refused_command_nothing_is_left(supervisor: ProcessSupervisor) -> None:
    for _ in range(20):
        with pytest.raises(CommandError):
            supervisor.start(launch("/etc/passwd"))
    assert run(supervisor, "echo", "on") == (0, b"on\n")
