"""Running a client: what it is told, how it ends, and that nothing of it is left."""

from __future__ import annotations

import os
import select
import signal
import socket
import subprocess
import threading
from pathlib import Path

import pytest

from runnerlib.errors import Interrupted, SourceError
from runnerlib.executor.local import child
from runnerlib.source import vcs_process as client
from runnerlib.source.vcs_process import Client
from tests.integration.cli import started
from tests.source.repository import Unwanted
from tests.tools import tool


def shell(made: Path, **more: object) -> Client:
    return Client("sh", "/bin/sh", made, {"OWN": "1"}, **more)  # type: ignore[arg-type]


def said(made: Path, script: str, stdin: bytes = b"", **more: object) -> str:
    return shell(made, **more).run(("-c", script), lambda line: None, stdin)


def test_what_it_gets_and_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DEPLOY_TOKEN", "of-the-job")
    env = said(tmp_path, "env; pwd; ps -o tty= -p $$; echo err >&2").splitlines()
    assert {line.partition("=")[0] for line in env if "=" in line} <= {*client._PASSED_ON, "LC_ALL", "OWN", "PWD"}
    assert env[-3:] == ["/", "?", "err"]
    assert said(tmp_path, "cat; cat /dev/stdin", b"config") == "configconfig"
    assert said(tmp_path, "true") == ""
    assert len(said(tmp_path, "yes | head -c 1000000")) == 1 << 16


@pytest.mark.parametrize(
    ("script", "message"),
    [
        ("exit 3", "sh: it ended with 3 and said nothing"),
        ("kill -9 $$", "sh: it ended with -9 and said nothing"),
        ("echo noise; echo 'abort: no such thing.'; exit 1", "sh: no such thing"),
        ("echo 'svn: E1: a'; echo x; echo 'svn: E2: b'; exit 1", "sh: E1: a; E2: b"),
        ("echo 'abort: http://u:hidden@h/x refused hidden'; exit 1", "sh: http://***@h/x refused ***"),
        ("printf 'abort: \\033[2J\\377'; exit 1", "sh: \\x1b[2J\ufffd"),
    ],
)
def test_why_it_failed(script: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(SourceError) as caught:
        said(tmp_path, script, secrets=("hidden",))
    assert str(caught.value) == message


def test_what_it_leaves_behind_is_killed_and_not_waited_for(tmp_path: Path) -> None:
    assert said(tmp_path, "sleep 1000 & echo $!").strip().isdigit()


def test_one_that_hangs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "_EVERY", 0.01)
    monkeypatch.setattr(child, "TURN", 0.01)
    (tmp_path / "old").mkdir()
    os.utime(tmp_path / "old", (1, 1))
    lines: list[str] = []
    with pytest.raises(SourceError, match=r"sh has neither said nor written anything for 0\.1 s"):
        shell(tmp_path, silence=0.1).run(("-c", "sleep 1000"), lines.append)
    assert lines
    assert set(lines) == {"sh has been at work for 0 s"}


def test_one_that_writes_does_not_hang(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep/file").touch()
    for path in (tmp_path, tmp_path / "deep"):
        os.utime(path, (1, 1))
    shell(tmp_path, silence=60)._check_life(100)
    os.utime(tmp_path / "deep/file", (1, 1))
    with pytest.raises(SourceError, match="has neither said nor written"):
        shell(tmp_path, silence=60)._check_life(100)
    shell(tmp_path, silence=60)._check_life(50)


def test_an_interrupt_kills_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def report(line: str) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(client, "_EVERY", 0.01)
    monkeypatch.setattr(child, "TURN", 0.01)
    with pytest.raises(KeyboardInterrupt):
        shell(tmp_path).run(("-c", "trap '' TERM INT; sleep 1000"), report)


def test_another_thread_can_stop_it(tmp_path: Path) -> None:
    with pytest.raises(Interrupted):
        shell(tmp_path).run(("-c", "echo x; sleep 1000"), Unwanted())


def test_a_program_that_cannot_be_run(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("no program")
    (tmp_path / "text").chmod(0o755)
    with pytest.raises(OSError, match="Exec format error"):
        Client("text", str(tmp_path / "text"), tmp_path, {}).run((), lambda line: None)


@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGKILL])
@pytest.mark.parametrize(("kind", "program"), [("hg", "hg"), ("svn", "svn")])
def test_a_signal_ends_runner_and_client(kind: str, program: str, signum: signal.Signals, tmp_path: Path) -> None:
    """The server takes the connection and never answers."""
    tool(program)
    (tmp_path / "job/src").mkdir(parents=True)
    (tmp_path / "job/src/previous").write_text("kept")
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"http://127.0.0.1:{server.getsockname()[1]}/r"
        with started("run", "--source-type", kind, "--source-url", url, "--", "true", cwd=tmp_path) as run:
            connection, _ = server.accept()
            (client_of_run,) = children(run.pid)
            watch = os.pidfd_open(client_of_run)
            run.send_signal(signum)
            run.communicate(timeout=10)
            connection.close()
    assert run.returncode == (143 if signum == signal.SIGTERM else -9)
    assert select.select([watch], [], [], 10)[0], "the client outlived the runner"
    os.close(watch)
    assert (tmp_path / "job/src/previous").read_text() == "kept"
    if signum == signal.SIGTERM:
        assert [path.name for path in (tmp_path / "job").iterdir() if path.name.startswith(".runnerlib-")] == []


def children(pid: int) -> list[int]:
    return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def test_from_another_thread(tmp_path: Path) -> None:
    found: list[str] = []
    thread = threading.Thread(target=lambda: found.append(said(tmp_path, "echo x")))
    thread.start()
    thread.join()
    assert found == ["x\n"]
    assert subprocess.run(["true"], check=False).returncode == 0
