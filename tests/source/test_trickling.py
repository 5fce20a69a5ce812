"""A server that never says nothing, and never comes to an end: byte by byte, at every place of an answer."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from runnerlib.errors import SourceError
from runnerlib.source import SourceSpec, prepare
from runnerlib.source.tarball import download
from tests.integration.cli import runnerlib
from tests.source.repository import holders, snapshot
from tests.tools import tool

PACE = 0.01  # seconds between two bytes
HEAD = b"HTTP/1.1 200 OK\r\n"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
BODY = b"a" * 100
# What comes at once, and what is repeated for ever, byte by byte.
ANSWERS = {
    "status line": (b"HTTP/1.1 200 ", b"OK"),
    "header": (HEAD, b"X-Name: value"),
    "headers": (HEAD, b"X: y\r\n"),
    "100 Continue": (b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
    "headers of 100 Continue": (b"HTTP/1.1 100 Continue\r\n", b"X: y\r\n"),
    "redirect": (b"HTTP/1.1 302 Found\r\nLocation: /x.tar\r\n", b"X: "),
    "size of a chunk": (CHUNKED, b"0"),
    "extension of a chunk": (CHUNKED + b"64", b";a=b"),
    "extension of the next chunk": (CHUNKED + b"64\r\n" + BODY + b"\r\n64", b";a=b"),
    "chunks": (CHUNKED, b"1\r\na\r\n"),
    "trailers": (CHUNKED + b"64\r\n" + BODY + b"\r\n0\r\n", b"X: y\r\n"),
    "body": (HEAD + b"Content-Length: 100000\r\n\r\n", b"a"),
    "body without a length": (HEAD + b"\r\n", b"a"),
}


@contextmanager
def trickling(at_once: bytes, repeated: bytes) -> Iterator[int]:
    """A server that answers every request so, until its client hangs up; its port."""
    over = threading.Event()
    threads: list[threading.Thread] = []

    def answer(client: socket.socket) -> None:
        with client, suppress(OSError):
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            client.recv(1 << 16)
            client.sendall(at_once)
            while not over.is_set():
                for byte in repeated:
                    client.sendall(bytes([byte]))
                    over.wait(PACE)

    def accept() -> None:
        with suppress(OSError):
            while True:
                thread = threading.Thread(target=answer, args=(listener.accept()[0],))
                threads.append(thread)
                thread.start()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        accepting = threading.Thread(target=accept)
        accepting.start()
        try:
            yield listener.getsockname()[1]
        finally:
            over.set()
            listener.shutdown(socket.SHUT_RDWR)
            accepting.join()
            for thread in threads:
                thread.join()


@pytest.mark.parametrize("place", ANSWERS)
def test_a_server_that_trickles_is_given_up(place: str, full: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(download, "_WINDOW", 0.5)
    before = snapshot(full)
    options = (("timeout", "1"), ("retries", "0"))
    with trickling(*ANSWERS[place]) as port:
        spec = SourceSpec("tarball", f"http://127.0.0.1:{port}/x.tar", None, options)
        with pytest.raises(SourceError) as caught:
            prepare(spec, full)
    assert str(caught.value).startswith(f"cannot download 'http://127.0.0.1:{port}/x.tar': ")
    assert "within" in str(caught.value) or "got more than 100 headers" in str(caught.value)
    assert snapshot(full) == before
    assert holders(full.parent) == []


def test_a_proxy_that_trickles_is_given_up(full: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with trickling(b"HTTP/1.1 200 Connection established\r\n", b"X: y\r\n") as port:
        monkeypatch.setenv("https_proxy", f"http://127.0.0.1:{port}")
        with pytest.raises(SourceError, match="the head of its answer did not come within 1 s"):
            prepare(SourceSpec("tarball", "https://host/x.tar", None, (("timeout", "1"), ("retries", "0"))), full)


@pytest.mark.parametrize("place", ["status line", "headers"])
def test_a_git_server_that_trickles_is_given_up(place: str, full: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the git program: the head of an answer has to be whole in time."""
    monkeypatch.setenv("PATH", "/nonexistent")
    with trickling(*ANSWERS[place]) as port:
        spec = SourceSpec("git", f"http://127.0.0.1:{port}/x", None, (("timeout", "1"), ("retries", "0")))
        with pytest.raises(SourceError, match=r"timed out|did not come within"):
            prepare(spec, full)
    for thread in threading.enumerate():
        if thread is not threading.main_thread():
            thread.join()  # libgit2 cannot be interrupted: its thread ends with the connection
    assert holders(full.parent) == []


@pytest.mark.parametrize("kind", ["tarball", "git", "hg", "svn"])
def test_the_time_limit_of_the_job_ends_a_preparation(kind: str, tmp_path: Path) -> None:
    if kind in {"hg", "svn"}:
        tool(kind)
    (tmp_path / "job/src").mkdir(parents=True)
    (tmp_path / "job/src/previous").write_text("kept")
    with trickling(*ANSWERS["header"]) as port:
        words = ["--source-type", kind, "--source-url", f"http://127.0.0.1:{port}/x", "--job-command", "touch ran"]
        done = runnerlib("run", "--job-timeout", "0.5", *words, cwd=tmp_path)
    assert done.code == 124
    assert "error: the job's time limit of 0.5 s was over before its sources were prepared\n" in done.err
    assert [path.name for path in (tmp_path / "job/src").iterdir()] == ["previous"]
    assert holders(tmp_path / "job") == []
