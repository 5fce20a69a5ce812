"""Archives over http(s): broken connections, odd answers, credentials, TLS, proxies, signals."""

from __future__ import annotations

import base64
import hashlib
import random
import ssl
import subprocess
from pathlib import Path

import pytest

from runnerlib.errors import Interrupted, SourceError
from runnerlib.source import SourceSpec, prepare, progress
from runnerlib.source.tarball import download
from tests.integration.cli import started
from tests.source.file_server import Answer, Server, serving
from tests.source.hostile.archives import entry, tar
from tests.source.repository import Unwanted, holders, snapshot
from tests.tools import tool

DATA = tar(entry("file", content=random.Random(7).randbytes(300_000)))
SUM = f"#sha256={hashlib.sha256(DATA).hexdigest()}"


@pytest.fixture(autouse=True)
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Record the length of each pause instead of waiting."""
    found: list[float] = []
    monkeypatch.setattr(download, "wait", lambda seconds, report: found.append(seconds))
    return found


def fetched(url: str, target: Path, **options: str) -> list[str]:
    """Prepare from `url`, check what is there, return what was reported."""
    lines: list[str] = []
    pairs = tuple((name.replace("_", "-"), value) for name, value in options.items())
    prepare(SourceSpec("tarball", url, None, pairs), target, lines.append)
    assert len((target / "file").read_bytes()) == 300_000
    assert holders(target.parent) == []
    return lines


def refused(url: str, target: Path, **options: str) -> str:
    """The error of a download that must fail and leave the target as it is."""
    before = snapshot(target)
    pairs = tuple((name.replace("_", "-"), value) for name, value in options.items())
    with pytest.raises(SourceError) as caught:
        prepare(SourceSpec("tarball", url, None, pairs), target)
    assert snapshot(target) == before
    assert holders(target.parent) == []
    return str(caught.value)


def asked(server: Server, header: str) -> list[str | None]:
    return [headers.get(header) for _, headers in server.seen]


def test_plain(full: Path, pauses: list[float]) -> None:
    with serving(DATA) as server:
        url = server.url("a/x.tar?token=s3cret-of-mine") + SUM
        lines = fetched(url, full)
        shown = server.url("a/x.tar?…")
        assert lines == [f"downloading '{shown}'", f"unpacking '{shown}'", "unpacked 1 entry, 0.3 MB"]
        assert server.seen[0][0] == "/a/x.tar?token=s3cret-of-mine"
        assert asked(server, "Accept-Encoding") == ["identity"]
    assert pauses == []


def test_it_goes_on_where_it_was_cut(full: Path, pauses: list[float]) -> None:
    with serving(DATA, Answer(cut=100_000), Answer(cut=50_000)) as server:
        lines = fetched(server.url() + SUM, full)
        assert asked(server, "Range") == [None, "bytes=100000-", "bytes=150000-"]
        assert asked(server, "If-Range") == [None, '"1"', '"1"']
    assert f"download failed (the connection ended at 100000 of {len(DATA)} bytes)" in lines[1]
    assert len(pauses) == 2
    assert 0.25 <= pauses[0] <= 0.75
    assert 0.5 <= pauses[1] <= 1.5


@pytest.mark.parametrize(
    ("answers", "ranges"),
    [
        # no proof that it is the same file, and no checksum: from the beginning
        ((Answer(cut=9000, etag=""),), [None, None]),
        ((Answer(cut=9000, etag='W/"1"'),), [None, None]),
        # another file now, or a server that knows no parts
        ((Answer(cut=9000), Answer(etag='"2"')), [None, "bytes=9000-"]),
        ((Answer(cut=9000), Answer(ranges=False)), [None, "bytes=9000-"]),
        # a part that was not asked for; none any more
        ((Answer(cut=9000), Answer(206, (("Content-Range", "bytes 5-9/10"),))), [None, "bytes=9000-", None]),
        ((Answer(cut=9000), Answer(206, (("Content-Range", f"bytes {'9' * 5000}-"),))), [None, "bytes=9000-", None]),
        ((Answer(cut=9000), Answer(416, body=b"")), [None, "bytes=9000-", None]),
        # by date
        ((Answer(cut=9000, etag="", headers=(("Last-Modified", "x"),)), Answer(etag="x")), [None, "bytes=9000-"]),
    ],
)
def test_what_is_kept_of_a_broken_download(answers: tuple[Answer, ...], ranges: list[str | None], full: Path) -> None:
    with serving(DATA, *answers) as server:
        fetched(server.url(), full)
        assert asked(server, "Range") == ranges


def test_with_a_checksum_no_other_proof_is_needed(full: Path) -> None:
    with serving(DATA, Answer(cut=9000, etag=""), Answer(etag="")) as server:
        fetched(server.url() + SUM, full)
        assert asked(server, "Range") == [None, "bytes=9000-"]


def test_a_body_of_unknown_length(full: Path) -> None:
    with serving(DATA, Answer(length=False)) as server:
        fetched(server.url(), full)
    with serving(DATA, Answer(length=False, cut=9000)) as server:
        assert "truncated" in refused(server.url(), full)


@pytest.mark.parametrize("status", [429, 500, 503])
def test_later(status: int, full: Path, pauses: list[float]) -> None:
    with serving(DATA, Answer(status, (("Retry-After", "3"),)), Answer(status, (("Retry-After", "9999"),))) as server:
        fetched(server.url(), full)
    assert pauses == [3.0, 30.0]


@pytest.mark.parametrize("status", [400, 403, 404, 410, 204])
def test_no(status: int, full: Path, pauses: list[float]) -> None:
    with serving(DATA, Answer(status, body=b"")) as server:
        said = refused(server.url("x?sig=s3cret-of-mine"), full)
        assert said.startswith(f"cannot download '{server.url('x?…')}': {status} ")
        assert len(server.seen) == 1
    assert pauses == []


def test_in_the_end_it_gives_up(full: Path, pauses: list[float]) -> None:
    with serving(DATA, *[Answer(cut=1000)] * 20) as server:
        assert "the connection ended at 5000 of" in refused(server.url(), full)
        assert len(server.seen) == 5
        server.seen.clear()
        assert "ended at 1000 of" in refused(server.url(), full, retries="0")
    assert len(pauses) == 4
    assert "refused" in refused(server.url(), full)


def test_a_server_that_falls_silent(full: Path) -> None:
    with serving(DATA, Answer(cut=1000, hang=True)) as server:
        assert refused(server.url(), full, timeout="1", retries="0").endswith(": nothing came for 1 s")


def test_a_server_that_trickles(full: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(download, "_WINDOW", -1.0)
    monkeypatch.setattr(download, "_LEAST", 1 << 40)
    with serving(DATA) as server:
        assert "bytes came within -1 s" in refused(server.url(), full, retries="0")


@pytest.mark.parametrize("length", [True, False])
def test_progress(length: bool, full: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "EVERY", -1.0)
    with serving(DATA, Answer(length=length)) as server:
        lines = fetched(server.url(), full)
    told = [line for line in lines if line.startswith(("downloading: ", "downloaded "))]
    assert told[-1] == ("downloading: 100 %, 0.3 of 0.3 MB" if length else "downloaded 0.3 MB")
    assert "unpacking: 100 %, 1 entries" in lines


@pytest.mark.parametrize("length", [True, False])
def test_more_than_it_may_be(length: bool, full: Path) -> None:
    with serving(DATA, Answer(length=length)) as server:
        assert refused(server.url(), full, max_size="100K").endswith("is more than 102400 bytes (option max-size)")


def test_credentials_go_to_their_host_only(full: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = "Basic " + base64.b64encode(b"me:p/w").decode()
    with serving(DATA) as other, serving(DATA) as server:
        there = server.url("there")
        server.plan[:] = [Answer(302, (("Location", "/here"),)), Answer(307, (("Location", other.url("z?k=1#f")),))]
        lines = fetched(server.url(userinfo="me:p%2Fw"), full)
        assert asked(server, "Authorization") == [expected, expected]
        assert asked(other, "Authorization") == [None]
        assert other.seen[0][0] == "/z?k=1"
        assert "p%2Fw" not in "".join(lines)
        assert "p/w" not in "".join(lines)
        (tmp_path / "credentials").write_text(server.url("", "you:t0ken") + "\n")
        monkeypatch.setenv("REACTORCIDE_VCS_AUTH_DIR", str(tmp_path))
        server.seen.clear()
        fetched(there, full)
        assert asked(server, "Authorization") == ["Basic " + base64.b64encode(b"you:t0ken").decode()]
        server.plan[:] = [Answer(401), Answer(401)]
        assert "refused the credentials given for it" in refused(there, full)
        monkeypatch.delenv("REACTORCIDE_VCS_AUTH_DIR")
        assert refused(there, full) == f"'{there}' asks for credentials"


@pytest.mark.parametrize(
    ("location", "said"),
    [
        ("ftp://h/x", "leads to 'ftp://h/x', which is no url of http or https"),
        ("file:///etc/passwd", "which is no url of http or https"),
        ("https://u:s3cret@/x", "which is no url of http or https"),
        ("http://a..b/x", "which is no url of http or https"),
        ("http://[::1/x", "which is no url of http or https"),
        ("http://[]/x", "which is no url of http or https"),
        ("http://localhost:65536/x", "which is no url of http or https"),
        (f"http://{'a' * 64}/x", "which is no url of http or https"),
        ("/again", "leads to more than 10 other places"),
        ("/a\x7fb", "characters that must be percent-encoded"),
    ],
)
def test_where_no_redirect_may_lead(location: str, said: str, full: Path) -> None:
    with serving(DATA, *[Answer(302, (("Location", location),))] * 11) as server:
        assert said in refused(server.url(), full)


@pytest.fixture
def certificate(tmp_path: Path) -> tuple[ssl.SSLContext, Path]:
    """A certificate of localhost that nobody trusts yet."""
    names = ("-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost")
    new = (tool("openssl"), "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
    subprocess.run([*new, *names, "-keyout", "key", "-out", "cert"], cwd=tmp_path, check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "cert", tmp_path / "key")
    return context, tmp_path / "cert"


def test_tls(certificate: tuple[ssl.SSLContext, Path], full: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    context, trusted = certificate
    with serving(DATA, context=context) as server, serving(DATA) as plain:
        assert "self-signed certificate" in refused(server.url(), full)
        monkeypatch.setenv("SSL_CERT_FILE", str(trusted))
        fetched(server.url(), full)
        assert "not valid for '127.0.0.1'" in refused(server.url(host="127.0.0.1"), full)
        server.plan.append(Answer(302, (("Location", plain.url("x")),)))
        assert refused(server.url(), full).endswith(f"leads to '{plain.url('x')}', which is not encrypted")
        assert plain.seen == []


def test_proxies(certificate: tuple[ssl.SSLContext, Path], full: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(DATA) as proxy:
        monkeypatch.setenv("http_proxy", proxy.url("", "me:pw").rstrip("/"))
        fetched("http://far.invalid:8080/x.tar?q", full)
        path, headers = proxy.seen[0]
        assert path == "http://far.invalid:8080/x.tar?q"
        assert headers["Host"] == "far.invalid:8080"
        assert headers["Proxy-Authorization"] == "Basic " + base64.b64encode(b"me:pw").decode()
        monkeypatch.setenv("https_proxy", proxy.url("").rstrip("/"))
        assert "403" in refused("https://far.invalid/x.tar", full, retries="0")
        assert proxy.seen[-1][0] == "far.invalid:443"
        monkeypatch.setenv("no_proxy", "localhost")
        with serving(DATA) as server:
            fetched(server.url(), full)
            assert server.seen[0][0] == "/x.tar"
    monkeypatch.setenv("http_proxy", "socks5://u:s3cret@h")
    said = refused("http://far.invalid/x", full)
    assert said == "proxy 'socks5://***@h' is no http://host:port"
    monkeypatch.setenv("http_proxy", "http://a..b:1")
    assert refused("http://h/x", full) == "proxy 'http://a..b:1' is no http://host:port"


def test_a_host_that_is_not_there(full: Path) -> None:
    said = refused("http://no-such-host.invalid/x", full)
    assert said.startswith(
        "cannot download 'http://no-such-host.invalid/x': host 'no-such-host.invalid' cannot be found: "
    )


def test_a_signal_stops_a_download_that_hangs(tmp_path: Path) -> None:
    with serving(DATA, Answer(cut=1000, hang=True)) as server:
        url = server.url()
        with started("run", "--source-type", "tarball", "--source-url", url, "--", "true", cwd=tmp_path) as run:
            assert server.asked.wait(20)
            run.terminate()
            _, err = run.communicate(timeout=20)
    assert run.returncode == 143
    assert err.decode().endswith("error: stopped by SIGTERM\n")
    assert not (tmp_path / "job/src").exists()
    assert holders(tmp_path / "job") == []


def test_another_thread_can_stop_it(full: Path) -> None:
    before = snapshot(full)
    with serving(DATA) as server, pytest.raises(Interrupted):
        prepare(SourceSpec("tarball", server.url()), full, Unwanted())
    assert snapshot(full) == before
    assert holders(full.parent) == []
