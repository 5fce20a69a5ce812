"""Git's message of a failure decides whether it is tried again; never the words of an address or a name."""

from __future__ import annotations

import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from runnerlib.errors import SourceError
from runnerlib.source import Cache, SourceSpec, prepare
from runnerlib.source.git.cli_transport import Program
from runnerlib.source.git.failure import is_network
from runnerlib.source.git.options import GitOptions
from runnerlib.source.git.remote import locate
from tests.source.repository import Origin, git
from tests.tools import tool


@pytest.mark.parametrize(
    "said",
    [
        "fatal: repository 'https://example.org/socket/timeout.git/' not found",
        "fatal: unable to access 'https://example.org/socket/timeout.git/': the requested url returned error: 404",
        "remote: connection reset timeout\nfatal: repository 'https://example.org/x/' not found",
        "fatal: remote error: access denied or repository not exported: /socket/timeout.git",
        "error: repository not found.\nfatal: could not read from remote repository.",
        "fatal: 'broken pipe' does not appear to be a git repository\nfatal: could not read from remote repository.",
        "unexpected http status code: 404",
        "fatal: invalid refspec 'early eof'",
        "/socket/timeout.git: some other mistake",
    ],
)
def test_what_waiting_does_not_change(said: str) -> None:
    assert not is_network(said, locate("https://example.org/socket/timeout.git"))


@pytest.mark.parametrize(
    "said",
    [
        "fatal: unable to access 'https://example.org/socket/timeout.git/': could not resolve host: example.org",
        "fatal: unable to access 'https://example.org/socket/timeout.git/': the requested url returned error: 503",
        "fatal: the remote end hung up unexpectedly",
        "error: rpc failed; curl 56 recv failure: connection reset by peer",
        "ssh: connect to host example.org port 22: connection timed out\nfatal: could not read from remote repository.",
        "fatal: early eof",
    ],
)
@pytest.mark.parametrize("url", ["https://example.org/socket/timeout.git", "git@example.org:out", "https://h/error"])
def test_what_may_be_better_next_time(said: str, url: str) -> None:
    assert is_network(said, locate(url))


@contextmanager
def files(root: Path) -> Iterator[str]:
    """A server that knows nothing of git."""
    handler = partial(SimpleHTTPRequestHandler, directory=str(root))
    handler.func.log_message = lambda *_: None  # type: ignore[method-assign]
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.005})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def test_a_404_is_not_tried_again(tmp_path: Path, engine: str) -> None:
    lines: list[str] = []
    with files(tmp_path) as url, pytest.raises(SourceError, match="timeout"):
        prepare(SourceSpec("git", f"{url}/socket/timeout.git", "main"), tmp_path / "src", lines.append)
    assert not [line for line in lines if "attempt" in line]


@pytest.fixture
def dumb(origin: Origin, tmp_path: Path) -> Path:
    git(tmp_path, "clone", "-q", "--mirror", str(origin.path), "www/repo.git")
    git(tmp_path / "www/repo.git", "update-server-info")
    return tmp_path / "www"


@pytest.mark.parametrize("cached", [False, True])
@pytest.mark.parametrize("ref", [None, "dev", "v1", "ids:first"])
def test_a_directory_of_files_gives_its_whole_history(
    ref: str | None, cached: bool, dumb: Path, origin: Origin, tmp_path: Path
) -> None:
    tool("git")
    wanted = {None: "main", "dev": "dev", "v1": "tagged", "ids:first": "first"}[ref]
    lines: list[str] = []
    cache = Cache(tmp_path / "cache") if cached else None
    with files(dumb) as url:
        asked = origin.ids["first"] if ref == "ids:first" else ref
        made = prepare(SourceSpec("git", f"{url}/repo.git", asked, cache=cache), tmp_path / "src", lines.append)
    assert made is not None
    assert made.revision == origin.ids[wanted]
    assert git(tmp_path / "src", "status", "--porcelain", "--ignore-submodules=none") == ""
    assert [line for line in lines if line.endswith("serves no part of a history; the whole history is fetched")], lines


def test_libgit2_says_what_it_cannot(no_git: None, dumb: Path, tmp_path: Path) -> None:
    with files(dumb) as url, pytest.raises(SourceError, match="a directory of files is served to the git program only"):
        prepare(SourceSpec("git", f"{url}/repo.git"), tmp_path / "src")


def test_an_error_names_the_command(origin: Origin, tmp_path: Path) -> None:
    path = tool("git")
    git(tmp_path, "clone", "-q", "--no-checkout", str(origin.path), "src")
    program = Program(str(path), GitOptions(), lambda _line: None)
    with pytest.raises(SourceError, match=r"^git read-tree failed: "):
        program.check_out(tmp_path / "src", "1" * 40)
    with pytest.raises(SourceError, match=r"^git read-tree failed: "):
        program.adopt(tmp_path / "src", "1" * 40, keep_ignored=True)
    subprocess.run(["rm", "-rf", tmp_path / "src/.git/objects"], check=True)
    with pytest.raises(SourceError, match=r"^git cat-file failed: "):
        program.parents(tmp_path / "src/.git", ["1" * 40])
