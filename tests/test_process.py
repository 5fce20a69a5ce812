"""A child process: started in its own session, signalled as a group, seen in /proc."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from runnerlib import pipe
from runnerlib.errors import RunnerError
from runnerlib.process import CommandError, Process, holders, members, start


def read_all(fd: int) -> bytes:
    os.set_blocking(fd, True)
    data = b""
    while chunk := os.read(fd, 65536):
        data += chunk
    return data


def run(*argv: str, cwd: Path = Path("/"), env: dict[str, str] | None = None) -> tuple[int, bytes]:
    child = start(argv, cwd, dict(os.environ) if env is None else env)
    try:
        output = read_all(child.output)
        return child.reap(), output
    finally:
        child.close()


WAITER = Path(__file__).with_name("waiter.py")


@pytest.fixture
def sleeper(tmp_path: Path) -> Iterator[Process]:
    """A shell and its child, both waiting."""
    os.mkfifo(tmp_path / "up")
    command = f"{sys.executable} -S {WAITER} up & read x < up; wait"
    child = start(("sh", "-c", command), tmp_path, dict(os.environ))
    os.set_blocking(child.output, True)
    assert os.read(child.output, 100)
    yield child
    child.signal(signal.SIGKILL)
    child.reap()
    child.close()


def test_output_is_one_pipe_in_order() -> None:
    code, output = run("sh", "-c", "for i in 1 2 3; do echo out$i; echo err$i >&2; done")
    assert (code, output) == (0, b"out1\nerr1\nout2\nerr2\nout3\nerr3\n")


def test_stdout_is_a_real_pipe_that_can_be_opened() -> None:
    assert run("sh", "-c", "echo a > /dev/stdout; echo b | tee /dev/stderr") == (0, b"a\nb\nb\n")


def test_stdin_is_empty() -> None:
    assert run("cat") == (0, b"")


def test_own_session_and_group() -> None:
    code = "import os; print(os.getpid() == os.getsid(0) == os.getpgrp())"
    assert run(sys.executable, "-c", code) == (0, b"True\n")


def test_no_descriptor_of_the_runner_reaches_the_child(tmp_path: Path) -> None:
    with (tmp_path / "secret").open("w") as file:
        os.set_inheritable(file.fileno(), True)
        _, output = run("sh", "-c", "ls /proc/self/fd | wc -l")
    assert output.strip() == b"4"  # 0, 1, 2 and the one that lists


def test_environment_and_directory(tmp_path: Path) -> None:
    assert run("sh", "-c", "echo $A; pwd", cwd=tmp_path, env={"A": "1", "PATH": os.environ["PATH"]}) == (
        0,
        f"1\n{tmp_path}\n".encode(),
    )


def test_the_command_is_looked_up_in_the_path_of_the_job(tmp_path: Path) -> None:
    tool = tmp_path / "mytool"
    tool.write_text("#!/bin/sh\necho mine\n")
    tool.chmod(0o755)
    assert run("mytool", env={"PATH": str(tmp_path)}) == (0, b"mine\n")


def test_sigpipe_has_its_default_action() -> None:
    code, _ = run("sh", "-c", "kill -PIPE $$")
    assert code == -signal.SIGPIPE


def test_relative_directories_in_the_path_count_from_the_directory_of_the_job(tmp_path: Path) -> None:
    tool = tmp_path / "bin" / "mytool"
    tool.parent.mkdir()
    tool.write_text("#!/bin/sh\necho $0 $1\n")
    tool.chmod(0o755)
    assert run("mytool", "x", cwd=tmp_path, env={"PATH": "/nonexistent:bin"})[1].endswith(b"mytool x\n")


def test_directories_of_the_path_that_may_not_be_searched_are_passed_over(tmp_path: Path) -> None:
    (tmp_path / "echo").mkdir()
    (tmp_path / "no-such").write_text("not executable")
    path = f"{tmp_path}:{os.environ['PATH']}"
    assert run("echo", "x", env={"PATH": path}) == (0, b"x\n")
    with pytest.raises(CommandError, match="command not found: 'no-such'"):
        run("no-such", env={"PATH": path})


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
def test_commands_that_cannot_be_executed(argv: tuple[str, ...], code: int, reason: str) -> None:
    with pytest.raises(CommandError) as caught:
        start(argv, Path("/"), {"PATH": os.environ["PATH"]})
    assert (caught.value.exit_code, str(caught.value)) == (code, reason)


def test_a_missing_directory(tmp_path: Path) -> None:
    with pytest.raises(RunnerError, match=r"the directory of the job '.*/none' does not exist"):
        start(("true",), tmp_path / "none", {})


def test_no_room_for_a_process(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: object, **options: object) -> None:
        raise BlockingIOError(11, "Resource temporarily unavailable")

    monkeypatch.setattr(subprocess, "Popen", refuse)
    with pytest.raises(RunnerError, match="cannot start a process: Resource temporarily unavailable"):
        start(("true",), Path("/"), {})


def test_a_pipe_that_may_not_grow_is_good_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pipe, "SIZE", 1 << 31)
    assert run("echo", "small") == (0, b"small\n")


def test_a_signal_reaches_the_whole_group(sleeper: Process) -> None:
    group = {seen.pid for seen in sleeper.survivors()}
    assert len(group) == 2
    sleeper.signal(signal.SIGTERM)
    assert sleeper.reap() == -signal.SIGTERM
    assert sleeper.survivors() == [] or {seen.pid for seen in sleeper.survivors()} < group
    sleeper.signal(signal.SIGKILL)


def test_members_are_named(sleeper: Process) -> None:
    waiter = f"{sys.executable} -S {WAITER} up"
    assert [seen.command for seen in members(sleeper.pid)] == [f"sh -c {waiter} & read x < up; wait", waiter]


def test_holders_of_a_pipe_are_named(sleeper: Process) -> None:
    assert {seen.pid for seen in holders(sleeper.output)} == {seen.pid for seen in members(sleeper.pid)}


def test_unread_counts_what_waits_in_the_pipe() -> None:
    child = start(("sh", "-c", "printf 12345"), Path("/"), dict(os.environ))
    assert child.reap() == 0
    assert child.unread() == 5
    assert os.read(child.output, 3) == b"123"
    assert child.unread() == 2
    child.close()


def test_closing_a_process_that_runs_kills_it() -> None:
    child = start(("sleep", "1000"), Path("/"), dict(os.environ))
    child.close()
    assert not Path(f"/proc/{child.pid}").exists()
