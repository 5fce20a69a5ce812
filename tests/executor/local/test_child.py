"""Children that serve the runner: what is read from them, how they end, and that nothing of them is left."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from runnerlib.executor.local import child as children
from runnerlib.executor.local.child import Child, started
from runnerlib.executor.process_spec import CommandError, ProcessSpec


def shell(script: str, stdin: bytes | None = None) -> ProcessSpec:
    return ProcessSpec(("sh", "-c", script), Path("/"), {"PATH": os.environ["PATH"]}, stdin)


def nothing() -> None:
    """Let it go on."""


def said(child: Child, *, to_end: bool = True) -> tuple[bytes, bytes, int]:
    output, errors = bytearray(), bytearray()
    for pipe, block in child.read(nothing, to_end=to_end):
        if pipe == child.errors:
            errors += block
        else:
            output += block
    return bytes(output), bytes(errors), child.exit_code()


@pytest.fixture(autouse=True)
def descriptors() -> Iterator[None]:
    before = os.listdir("/proc/self/fd")
    yield
    assert os.listdir("/proc/self/fd") == before


def test_where_stderr_goes() -> None:
    script = "echo out; echo err >&2; exit 3"
    with started(shell(script)) as child:
        assert said(child) == (b"out\nerr\n", b"", 3)
    with started(shell(script), errors=True) as child:
        assert said(child) == (b"out\n", b"err\n", 3)
    with started(shell(script), silent=True) as child:
        assert said(child) == (b"out\n", b"", 3)


def test_what_it_can_read() -> None:
    with started(shell("cat; cat <&3", b"in "), secret=b"hunter2") as child:
        assert said(child) == (b"in hunter2", b"", 0)
    with started(shell("cat; ls /proc/self/fd | wc -l")) as child:
        assert said(child) == (b"4\n", b"", 0)  # the three, and that of the directory


def test_much_is_read_whole() -> None:
    with started(shell("seq 200000; seq 200000 >&2"), errors=True) as child:
        output, errors, code = said(child)
    assert output == errors == b"".join(b"%d\n" % number for number in range(1, 200001))
    assert code == 0


def test_a_session_and_no_terminal() -> None:
    with started(shell("ps -o pid=,sid=,tty= -p $$")) as child:
        pid, session, terminal = said(child)[0].split()
        assert (int(pid), int(session), terminal) == (child.pid, child.pid, b"?")


@pytest.mark.parametrize("leftover", ["sleep 1000", "trap '' TERM HUP; sleep 1000"])
def test_what_it_leaves_behind_is_killed(leftover: str) -> None:
    with started(shell(f"({leftover}) & echo $!")) as child:
        output, _, code = said(child, to_end=False)
        watch = os.pidfd_open(int(output))
        assert not select.select([watch], [], [], 0)[0]
    assert code == 0
    assert select.select([watch], [], [], 30)[0]
    os.close(watch)


def test_a_pipe_that_a_leftover_holds_open_is_waited_for_or_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(children, "TURN", 0.01)
    with started(shell("sleep 1000 & echo x")) as child:
        assert said(child, to_end=False) == (b"x\n", b"", 0)
    silences = 0
    with started(shell("sleep 1000 & echo x")) as child:
        for pipe, block in child.read(nothing):
            silences += not block
            if silences and select.select([child.ended], [], [], 0)[0]:
                assert (pipe, block) == (-1, b"")
                break


def test_a_program_that_closes_its_pipes_is_waited_for() -> None:
    with started(shell("exec >&- 2>&-; sleep 0.3; exit 5")) as child:
        assert said(child) == (b"", b"", 5)


def test_an_exception_of_the_check_kills_it() -> None:
    def leave() -> None:
        raise KeyboardInterrupt

    watches: list[int] = []

    def run() -> None:
        with started(shell("trap '' TERM INT; sleep 1000")) as child:
            watches.append(os.pidfd_open(child.pid))
            next(child.read(leave))

    with pytest.raises(KeyboardInterrupt):
        run()
    (watch,) = watches
    assert select.select([watch], [], [], 0)[0], "it is dead and collected once the block is left"
    os.close(watch)


def test_a_signal_is_a_negative_code() -> None:
    with started(shell("kill -9 $$")) as child:
        assert said(child) == (b"", b"", -9)


def test_what_cannot_be_started(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("no program")
    (tmp_path / "text").chmod(0o755)
    faults = [
        (str(tmp_path / "text"), OSError, "Exec format error"),
        (str(tmp_path), OSError, "Permission denied"),
        ("no-such-program", OSError, "No such file"),
        ("no\0program", CommandError, "has a NUL byte"),
        ("\ud800", CommandError, "is no text"),
    ]
    for program, kind, text in faults:
        with pytest.raises(kind, match=text), started(ProcessSpec((program,), Path("/"), {"PATH": "/bin"})):
            pytest.fail(f"{program!r} runs")


DIES = """
import os, signal, sys
from pathlib import Path
from runnerlib.executor.local.child import started
from runnerlib.executor.process_spec import ProcessSpec
with started(ProcessSpec(("sleep", "1000"), Path("/"), dict(os.environ))) as child:
    print(child.pid, flush=True)
    sys.stdin.read()
"""


def test_it_dies_with_a_runner_that_is_killed() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", DIES], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as runner:
        assert runner.stdout is not None
        watch = os.pidfd_open(int(runner.stdout.readline()))
        runner.send_signal(signal.SIGKILL)
        assert select.select([watch], [], [], 30)[0]
        os.close(watch)
