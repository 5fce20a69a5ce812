"""A preparation that blocks ends at once: by a signal, and by the task or thread that does not want it any more.

Where it blocks is told by the server in front of it, so nothing here waits for time to pass.
"""

from __future__ import annotations

import asyncio
import os
import random
import select
import signal
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple

import pytest

import runnerlib
from runnerlib._util import safe_tree as tree
from runnerlib._util.cancellation import Stop
from runnerlib.errors import Interrupted
from runnerlib.runner.supervision import interruptible
from runnerlib.source import SourceSpec, prepare
from tests.integration.cli import RUNNERLIB, environment
from tests.source import clients, file_server, smart_http
from tests.source.hostile.archives import entry, tar
from tests.source.repository import commit, git, holders, snapshot
from tests.source.stalling import Stall, stalling
from tests.tools import tool

CONTENT = random.Random(5).randbytes(300_000)
KINDS = ("git", "libgit2", "tarball", "hg", "svn")
WATCHDOG = 60  # seconds


class Blocked(NamedTuple):
    """A source whose server stalls, and the PATH to reach it by."""

    type: str
    url: str
    stall: Stall
    path: str


@pytest.fixture(scope="module")
def room(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("origin")


@contextmanager
def git_server(room: Path) -> Iterator[int]:
    if not (room / "repo").exists():
        git(room, "init", "-q", "-b", "main", "repo")
        (room / "repo/big").write_bytes(CONTENT)
        commit(room / "repo", "one")
    with smart_http.serving(room) as server:
        yield server.port


@contextmanager
def file_server_of(_room: Path) -> Iterator[int]:
    with file_server.serving(tar(entry("file", content=CONTENT))) as server:
        yield server.server_address[1]


@contextmanager
def hg_server(room: Path) -> Iterator[int]:
    if not (room / "hg").exists():
        clients.client("hg", "init", room / "hg")
        (room / "hg/big").write_bytes(CONTENT)
        clients.client("hg", "commit", "-qAm", "one", where=room / "hg")
    with clients.hg_serve(room / "hg") as server:
        yield int(server.rpartition(":")[2])


@contextmanager
def svn_server(room: Path) -> Iterator[int]:
    if not (room / "svn").exists():
        clients.client("svnadmin", "create", room / "svn")
        (room / "content").write_bytes(CONTENT)
        clients.client("svn", "import", "-qm", "1", room / "content", f"file://{room}/svn/trunk/file")
    with clients.svn_serve(room / "svn") as server:
        yield int(server.rpartition(":")[2])


SERVERS = {
    "git": (git_server, b"want ", "git/repo"),
    "libgit2": (git_server, b"want ", "git/repo"),
    "tarball": (file_server_of, b"GET ", "x.tar"),
    "hg": (hg_server, b"cmd=getbundle", ""),
    "svn": (svn_server, b"update-report", "open/trunk"),
}


@pytest.fixture(params=KINDS)
def blocked(request: pytest.FixtureRequest, room: Path, tmp_path: Path) -> Iterator[Blocked]:
    server, mark, path = SERVERS[request.param]
    kind = "git" if request.param == "libgit2" else request.param
    if kind in {"hg", "svn"}:
        tool(kind)
    where = os.environ["PATH"]
    if request.param == "libgit2":
        (tmp_path / "bin").mkdir()
        where = str(tmp_path / "bin")
    with server(room) as port, stalling(port, mark, 100_000) as stall:
        yield Blocked(kind, f"http://127.0.0.1:{stall.port}/{path}", stall, where)


@pytest.fixture
def previous(tmp_path: Path) -> Path:
    """Return the directory that stands where the source is to go."""
    place = tmp_path / "work/job/src"
    place.mkdir(parents=True)
    (place / "previous").write_text("kept")
    return place


def is_untouched(place: Path) -> bool:
    return snapshot(place).keys() == {".", "previous"} and holders(place.parent, place) == []


def children(pid: int) -> list[int]:
    """The descendants of a process."""
    found = [
        int(word) for task in Path(f"/proc/{pid}/task").iterdir() for word in (task / "children").read_text().split()
    ]
    return found + [below for child in found for below in children(child)]


@pytest.mark.parametrize("command", ["checkout", "run"])
def test_a_signal(command: str, blocked: Blocked, previous: Path) -> None:
    words = [RUNNERLIB, "checkout", "--type", blocked.type, blocked.url]
    if command == "run":
        words = [RUNNERLIB, "run", "--source-type", blocked.type, "--source-url", blocked.url, "--", "/bin/true"]
    cwd, env = previous.parents[1], environment(PATH=blocked.path, REACTORCIDE_CACHE_DIR="none")
    with subprocess.Popen(words, cwd=cwd, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as run:
        assert blocked.stall.reached.wait(WATCHDOG), run.communicate()
        watched = [os.pidfd_open(child) for child in children(run.pid)]
        run.terminate()
        _, err = run.communicate(timeout=WATCHDOG)
    assert run.returncode == 143
    assert err.decode().endswith("error: stopped by SIGTERM\n")
    assert is_untouched(previous)
    for child in watched:
        assert select.select([child], [], [], WATCHDOG)[0], "a program outlived the runner"
        os.close(child)


def test_a_cancelled_task(blocked: Blocked, previous: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", blocked.path)
    monkeypatch.chdir(previous.parents[1])

    async def main() -> None:
        task = asyncio.create_task(
            runnerlib.execute_async("/bin/true", source_type=blocked.type, source_url=blocked.url, cache_dir="none")
        )
        assert await asyncio.to_thread(blocked.stall.reached.wait, WATCHDOG)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asyncio.wait_for(task, WATCHDOG)

    asyncio.run(main())
    assert is_untouched(previous)
    left = [thread for thread in threading.enumerate() if thread.name == "runnerlib-source"]
    assert not left or blocked.path.endswith("/bin"), "only libgit2 cannot be called back from the network"
    blocked.stall.end.send(b".")
    for thread in left:
        thread.join(WATCHDOG)


def test_a_connection_that_is_not_taken(previous: Path) -> None:
    """The host does not answer at all: its queue of connections is full."""
    with ExitStack() as held:
        server = held.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        while True:
            waiting = held.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(server.getsockname())
            if not select.select([], [waiting], [], 0.05)[1]:
                break
        looked: list[float] = []

        def check() -> None:
            looked.append(0)
            if len(looked) > 5:
                raise Interrupted(15, "SIGTERM")

        report = Report(check)
        with pytest.raises(Interrupted):
            prepare(SourceSpec("tarball", f"http://127.0.0.1:{server.getsockname()[1]}/x"), previous, report)
    assert is_untouched(previous)


class Report:
    """A report that `check`s."""

    def __init__(self, check: Callable[[], None]) -> None:
        self.check = check

    def __call__(self, line: str) -> None:
        """Take it."""


def test_a_tls_server_that_says_nothing(previous: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        taken: list[socket.socket] = []

        def check() -> None:
            if not taken and select.select([server], [], [], 0)[0]:
                taken.append(server.accept()[0])
            elif taken:
                raise Interrupted(15, "SIGTERM")

        with pytest.raises(Interrupted):
            prepare(SourceSpec("tarball", f"https://127.0.0.1:{port}/x"), previous, Report(check))
        taken[0].close()
    assert is_untouched(previous)


@pytest.mark.parametrize("kind", ["copy", "tarball"])
@pytest.mark.parametrize("by_signal", [True, False])
def test_in_the_middle_of_a_large_file(
    kind: str, by_signal: bool, previous: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The kernel copies a part at a time; whoever wants no more waits for one of them."""
    (tmp_path / "large").mkdir()
    (tmp_path / "large/file").write_bytes(bytes(1000))
    url = tmp_path / "large" if kind == "copy" else f"{tmp_path}/large/file#sha256={'0' * 64}"
    stop, calls = Stop(), []

    def copy_a_byte(source: int, made: int, _size: int) -> int:
        calls.append(source)
        if len(calls) == 3:
            os.kill(os.getpid(), signal.SIGTERM) if by_signal else stop.request()
        return real(source, made, 1)

    real = os.copy_file_range
    monkeypatch.setattr(tree.os, "copy_file_range", copy_a_byte)
    with interruptible(stop), pytest.raises(Interrupted):
        prepare(SourceSpec(kind, str(url)), previous, Report(stop.check))
    assert len(calls) == 3
    assert is_untouched(previous)


def test_in_the_middle_of_a_pause(previous: Path) -> None:
    """The server is away and asks for half a minute."""
    answer = file_server.Answer(503, (("Retry-After", "30"),))
    with file_server.serving(b"", answer) as server, pytest.raises(Interrupted):
        prepare(SourceSpec("tarball", server.url()), previous, Report(lambda: wanted_until_asked(server)))
    assert is_untouched(previous)


def wanted_until_asked(server: file_server.Server) -> None:
    if server.asked.is_set():
        raise Interrupted(15, "SIGTERM")
