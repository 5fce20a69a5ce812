"""Inside a program of somebody else: its own children, its signals and its attributes are left alone."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import pytest

import runnerlib
from runnerlib.config import resolve
from runnerlib.errors import ConfigError, RunnerError, SourceError
from runnerlib.executor.local import ProcessSupervisor, _spawn
from runnerlib.secrets.lookup import SecretResolver
from runnerlib.source.git import child_process as child
from tests.executor.local.steps import alive, kill_tree, launch, read_line, run
from tests.executor.local.test_tree import ESCAPES


def test_children_of_the_program_are_left_alone(supervisor: ProcessSupervisor) -> None:
    own = [
        subprocess.Popen(["sleep", "1000"]),
        subprocess.Popen(["sleep", "1000"], start_new_session=True),
        subprocess.Popen(["sh", "-c", "exit 7"]),
    ]
    os.waitid(os.P_PID, own[2].pid, os.WEXITED | os.WNOWAIT)
    try:
        process = supervisor.start(launch("sh", "-c", ESCAPES["empty environment"]))
        read_line(process)
        process.reap()
        assert len(process.leftover()) == 1
        kill_tree(process)
        process.close()
        supervisor.reap_dead()
        assert supervisor.orphans() == []
        supervisor.signal_orphans(signal.SIGKILL)
        supervisor.close()
        assert [child.poll() for child in own] == [None, None, 7]
    finally:
        for child in own:
            child.kill()
            child.wait()


def test_a_daemon_of_the_program_is_left_alone(supervisor: ProcessSupervisor) -> None:
    """It becomes a child of the runner, as a step's would; but it carries no mark."""
    done = subprocess.run(
        ["setsid", "-f", "sh", "-c", "echo $$; exec sleep 1000 >&-"], stdout=subprocess.PIPE, check=True
    )
    daemon = int(done.stdout)
    try:
        assert run(supervisor, "true") == (0, b"")
        assert supervisor.orphans() == []
        supervisor.close()
        assert alive(daemon)
    finally:
        os.kill(daemon, signal.SIGKILL)
        os.waitpid(daemon, 0)


def test_attributes_of_the_process_are_restored() -> None:
    assert not _spawn.subreaper()
    outer = ProcessSupervisor()
    inner = ProcessSupervisor()
    outer.close()
    assert _spawn.subreaper()
    inner.close()
    inner.close()
    assert not _spawn.subreaper()


def test_a_program_that_adopts_orphans_itself_still_does() -> None:
    _spawn.set_subreaper(True)
    try:
        with ProcessSupervisor():
            pass
        assert _spawn.subreaper()
    finally:
        _spawn.set_subreaper(False)


def test_a_program_that_ignores_the_end_of_children() -> None:
    """The kernel would forget their return codes."""
    before = signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    try:
        with ProcessSupervisor() as supervisor:
            assert run(supervisor, "sh", "-c", "exit 3") == (3, b"")
        assert signal.getsignal(signal.SIGCHLD) == signal.SIG_IGN
        assert _spawn.ignore_children(True)
    finally:
        signal.signal(signal.SIGCHLD, before)


def test_a_handler_for_the_end_of_children_is_kept(supervisor: ProcessSupervisor) -> None:
    ends: list[int] = []
    before = signal.signal(signal.SIGCHLD, lambda signum, frame: ends.append(signum))
    try:
        with ProcessSupervisor() as inner:
            assert run(inner, "true") == (0, b"")
        assert ends
    finally:
        signal.signal(signal.SIGCHLD, before)


def test_custodies_in_threads() -> None:
    def job(results: list[tuple[int, bytes]]) -> None:
        for _ in range(10):
            with ProcessSupervisor() as supervisor:
                left = supervisor.start(launch("sh", "-c", ESCAPES["empty environment"]))
                read_line(left)
                left.reap()
                assert len(left.leftover()) == 1
                assert supervisor.orphans() == []
                kill_tree(left)
                left.close()
                results.append(run(supervisor, "echo", "x"))

    results: list[tuple[int, bytes]] = []
    threads = [threading.Thread(target=job, args=(results,)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [(0, b"x\n")] * 40
    assert not _spawn.subreaper()


def test_a_fork_of_the_program_may_close_its_copy(supervisor: ProcessSupervisor) -> None:
    process = supervisor.start(launch("cat", "/dev/zero"))
    pid = os.fork()
    if pid == 0:
        supervisor.close()
        os._exit(0)
    assert os.waitpid(pid, 0)[1] == 0
    assert alive(process.pid)
    process.close()


def test_standard_descriptors_may_be_closed() -> None:
    """A program without stdin, stdout and stderr gets the low numbers for its pipes."""
    code = """
import os, sys
from pathlib import Path
from runnerlib.executor.local import ProcessSupervisor
from runnerlib.executor.process_spec import ProcessSpec
report = os.dup(1)
os.closerange(0, 3)
with ProcessSupervisor() as supervisor:
    command = ("sh", "-c", "cat; echo out; echo err >&2")
    step = supervisor.start(ProcessSpec(command, Path("/"), dict(os.environ), b"in "))
    os.set_blocking(step.output, True)
    while data := step.read(100):
        os.write(report, data)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
    assert done.stdout == b"in out\nerr\n"


def _collect_all(*_: object) -> None:
    with suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass


@contextmanager
def ends_of_children(handler: object) -> Iterator[None]:
    before = signal.signal(signal.SIGCHLD, handler)  # type: ignore[arg-type]
    try:
        yield
    finally:
        signal.signal(signal.SIGCHLD, before)


class TestAProgramThatCollectsEverything:
    """Its handler takes the exit codes of children that are not its own: an error, at once, and never a success."""

    @pytest.fixture(autouse=True)
    def handler(self, tmp_path: object, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
        monkeypatch.chdir(str(tmp_path))
        with ends_of_children(_collect_all):
            yield

    @pytest.mark.parametrize("command", ["exit 3", "true", "sleep 1000 & exit 3"])
    def test_a_job(self, command: str) -> None:
        with pytest.raises(RunnerError, match=r"process [0-9]+ was reaped by another part of the program"):
            runnerlib.execute(command)

    def test_git(self) -> None:
        with pytest.raises(SourceError, match="was reaped by another part of the program"):
            child.run(["/bin/sh", "-c", "exit 3"], {}, "/", lambda _: None, timeout=60)

    def test_a_provider_of_secrets(self) -> None:
        words = ["sh", "-c", "echo half; exec >&-; exit 3"]
        resolved = resolve({"secret_providers": "command", "secret_command": words}, {})
        with pytest.raises(ConfigError, match="secret 'a:b': 'sh' was reaped by another part of the program"):
            SecretResolver().find("a", "b", resolved, dict(os.environ))


class TestAProgramThatIgnoresTheEndOfChildren:
    """The kernel would forget how they ended."""

    @pytest.fixture(autouse=True)
    def handler(self, tmp_path: object, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
        monkeypatch.chdir(str(tmp_path))
        with ends_of_children(signal.SIG_IGN):
            yield
            assert _spawn.ignore_children(True)

    def test_a_job(self) -> None:
        assert runnerlib.execute("exit 3").exit_code == 3

    def test_git(self) -> None:
        assert child.run(["/bin/sh", "-c", "exit 3"], {}, "/", lambda _: None, timeout=60).code == 3

    def test_a_provider_of_secrets(self) -> None:
        words = ["sh", "-c", "echo half; exit 3"]
        resolved = resolve({"secret_providers": "command", "secret_command": words}, {})
        with pytest.raises(ConfigError, match="failed with exit code 3"):
            SecretResolver().find("a", "b", resolved, dict(os.environ))


SPAWNS = """
import os, signal, sys
from runnerlib.executor.local import _spawn
signal.signal(signal.SIGINT, signal.SIG_DFL if sys.argv[1] == "default" else lambda *_: None)
signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT} if sys.argv[1] == "default" else ())
print('ready', flush=True)
null = os.open("/dev/null", os.O_RDWR)
for _ in range(300):
    pid, ended, _ = _spawn.spawn(b"/bin/true", (b"true",), (), b"/", input=null, output=null)
    while True:
        try:
            print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
            break
        except InterruptedError:
            pass
    os.close(ended)
sys.stdout.flush()
os._exit(0)  # an interpreter that is taken down handles no signals
"""


@pytest.mark.parametrize("action", ["default", "handler"])
def test_a_signal_to_the_group_of_the_runner_is_not_for_a_process_that_starts(action: str) -> None:
    """As `^C` on a terminal: a child is in the group of its parent until it has a session of its own."""
    spawner = subprocess.Popen(
        [sys.executable, "-c", SPAWNS, action], stdout=subprocess.PIPE, start_new_session=True, text=True
    )
    assert spawner.stdout is not None
    with spawner.stdout as output:
        assert output.readline() == "ready\n"
        while spawner.poll() is None:
            os.killpg(spawner.pid, signal.SIGINT)  # all the time, and so between a start and its next moment
        said = output.read()
    assert spawner.returncode == 0
    assert Counter(said.split()) == {"0": 300}
