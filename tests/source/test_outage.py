"""hg and svn over a network that fails and comes back, and what no second attempt makes better."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from runnerlib.errors import Interrupted, SourceError
from runnerlib.source import SourceSpec, hg, prepare, retry, svn
from runnerlib.source.url import split
from runnerlib.source.vcs_process import outage_at
from tests.source import clients
from tests.source.clients import QUOTED, Gate, gate, hg_serve, svn_serve
from tests.source.repository import holders, snapshot
from tests.tools import tool

# Before a test replaces it.
WAIT = retry.wait


@pytest.fixture(autouse=True)
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Record the length of each pause instead of waiting."""
    found: list[float] = []
    monkeypatch.setattr(retry, "wait", lambda seconds, report: found.append(seconds))
    return found


@pytest.fixture(scope="module")
def room(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository of each kind, with one file."""
    made = tmp_path_factory.mktemp("outage")
    tool("svn")
    clients.client("hg", "init", made / "hg")
    (made / "hg/file").write_text("one")
    clients.client("hg", "commit", "-qAm", "one", where=made / "hg")
    clients.client("svnadmin", "create", made / "svn")
    clients.client("svn", "import", "-qm", "1", made / "hg/file", f"file://{made}/svn/trunk/file")
    return made


@contextmanager
def behind_a_gate(kind: str, room: Path) -> Iterator[tuple[Gate, str]]:
    """A server for who knows the password, and its url."""
    serving = hg_serve if kind == "hg" else svn_serve
    with serving(room / kind) as server, gate(server) as shut:
        path = "" if kind == "hg" else "open/trunk"
        yield shut, f"http://me:{QUOTED}@127.0.0.1:{shut.server_port}/{path}"


FAULTS = ("503", "429", "reset", "close", "cut")


@pytest.mark.parametrize("kind", ["hg", "svn"])
def test_what_the_network_broke_is_tried_again(kind: str, room: Path, full: Path, pauses: list[float]) -> None:
    with behind_a_gate(kind, room) as (shut, url):
        for fault in FAULTS:
            lines: list[str] = []
            shut.faulty = "getbundle" if kind == "hg" else "REPORT"
            shut.faults = [fault] * 2
            prepare(SourceSpec(kind, url), full, lines.append)
            assert (full / "file").read_text() == "one"
            assert holders(full.parent) == []
            assert shut.faults == []
            assert len(pauses) == 2, (fault, lines)
            assert 0.5 <= pauses[0] <= 1.5
            assert 1.0 <= pauses[1] <= 3.0
            said = [line for line in lines if "; attempt " in line]
            assert [re.sub(r".*; (attempt .*) in .*", r"\1", line) for line in said] == [
                "attempt 2 of 4",
                "attempt 3 of 4",
            ]
            assert QUOTED not in "".join(lines)
            pauses.clear()


@pytest.mark.parametrize("kind", ["hg", "svn"])
def test_in_the_end_it_gives_up(kind: str, room: Path, full: Path, pauses: list[float]) -> None:
    before = snapshot(full)
    with behind_a_gate(kind, room) as (shut, url):
        shut.faults = ["503"] * 100
        with pytest.raises(SourceError, match="503"):
            prepare(SourceSpec(kind, url, None, (("retries", "2"),)), full)
        assert len(pauses) == 2
        with pytest.raises(SourceError, match="503"):
            prepare(SourceSpec(kind, url, None, (("retries", "0"),)), full)
    assert len(pauses) == 2
    assert snapshot(full) == before
    assert holders(full.parent) == []


@pytest.mark.parametrize("kind", ["hg", "svn"])
def test_what_will_not_get_better(kind: str, room: Path, full: Path, pauses: list[float]) -> None:
    """Credentials, what is not there, what the server cannot do, and nobody who listens on this machine."""
    before = snapshot(full)
    with behind_a_gate(kind, room) as (shut, url):
        wrong = [url.replace(QUOTED, "wrong-password"), url.replace("me:", "you:")]
        for spec in (*(SourceSpec(kind, one) for one in wrong), SourceSpec(kind, url, "4711")):
            with pytest.raises(SourceError):
                prepare(spec, full)
        for status in ("403", "404", "501"):
            shut.faults = [status] * 100
            with pytest.raises(SourceError):
                prepare(SourceSpec(kind, url), full)
    for gone in (url, str(room / "nothing"), f"file://{room}/nothing"):
        with pytest.raises(SourceError):
            prepare(SourceSpec(kind, gone), full)
    assert pauses == []
    assert snapshot(full) == before


@pytest.mark.parametrize("kind", ["hg", "svn"])
def test_nobody_wants_it_any_more(kind: str, room: Path, full: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retry, "wait", WAIT)
    with behind_a_gate(kind, room) as (shut, url):
        shut.faults = ["503"] * 100
        with pytest.raises(Interrupted):
            prepare(SourceSpec(kind, url), full, UntilAPause())
    assert holders(full.parent) == []


class UntilAPause:
    """A report of which nobody wants more once it tells of a pause."""

    def __init__(self) -> None:
        self.paused = False

    def __call__(self, line: str) -> None:
        """Take a line."""
        self.paused = self.paused or "; attempt " in line

    def check(self) -> None:
        """Raise."""
        if self.paused:
            raise Interrupted(15, "SIGTERM")


@pytest.mark.parametrize(
    ("kind", "url", "said", "is_outage"),
    [
        (hg, "https://h/x", "abort: error: Connection refused", True),
        (hg, "https://localhost/x", "abort: error: Connection refused", False),
        (hg, "ssh://h/x", "remote: ssh: connect to host h port 22: Connection timed out\nabort: no suitable", True),
        (hg, "ssh://h/x", "remote: git@h: Permission denied (publickey).\nabort: no suitable response", False),
        (hg, "https://h/x", "abort: error: [SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed", False),
        (hg, "https://h/x", "abort: error: Temporary failure in name resolution", True),
        (hg, "https://h/x", "abort: error: Name or service not known", False),
        (hg, "https://h/x", "abort: unknown revision 'timed out'", False),
        (svn, "https://h/x", "svn: E170013: a\nsvn: E000111: Connection refused", True),
        (svn, "https://h/x", "svn: E670003: Temporary failure in name resolution", True),
        (svn, "https://h/x", "svn: E230001: Server SSL certificate verification failed", False),
        (svn, "https://h/x", "svn: E170001: Authentication failed", False),
        (svn, "svn://h/x", "svn: E210002: Network connection closed unexpectedly", True),
        (svn, "file:///x", "svn: E000110: timed out", False),
    ],
)
def test_what_the_words_mean(kind: object, url: str, said: str, is_outage: bool) -> None:
    pattern = outage_at(split(url), kind._OUTAGE)  # type: ignore[attr-defined]
    assert bool(pattern and re.search(pattern, said)) == is_outage
