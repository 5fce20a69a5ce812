"""Redirects of archives: a server elsewhere does not choose what of the inside a runner asks."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from runnerlib._util.http.reach import Boundary, Reach, reach_of
from runnerlib.errors import SourceError
from runnerlib.source import SourceSpec, prepare
from runnerlib.source.tarball import download
from tests.source.file_server import Answer, Server, serving
from tests.source.hostile.archives import entry, tar
from tests.source.repository import holders, snapshot

DATA = tar(entry("file", content=b"content"))
PUBLIC = "127.0.0.2"  # is declared public by the fixture `world`: no other public server can be had in a test


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> None:
    def classify(address: str) -> Reach:
        return {PUBLIC: Reach.PUBLIC, "127.0.0.3": Reach.PRIVATE}.get(address) or reach_of(address)

    monkeypatch.setattr(download, "Boundary", lambda: Boundary(classify))


@pytest.fixture
def inside() -> Iterator[Server]:
    """A server on loopback."""
    with serving(DATA) as server:
        yield server


def leading(location: str, status: int = 302) -> Answer:
    return Answer(status, (("Location", location),))


def fetched(url: str, target: Path) -> None:
    prepare(SourceSpec("tarball", url, None, (("retries", "0"),)), target)
    assert (target / "file").read_bytes() == b"content"


def refused(url: str, target: Path) -> str:
    before = snapshot(target)
    with pytest.raises(SourceError) as caught:
        fetched(url, target)
    assert snapshot(target) == before
    assert holders(target.parent) == []
    return str(caught.value)


@pytest.mark.usefixtures("world")
def test_a_public_server_leads_nowhere_inside(inside: Server, full: Path) -> None:
    port = inside.server_address[1]
    ways = {
        "127.0.0.1": "is a loopback address",
        "localhost": "has the loopback address ",  # a name: what it means is known when it is connected to
        "127.1": "has the loopback address 127.0.0.1",
        "2130706433": "has the loopback address 127.0.0.1",
        "0.0.0.0": "is a loopback address",
        "[::ffff:127.0.0.1]": "is a loopback address",
        "[::1]": "is a loopback address",
        "127.0.0.3": "is a private address",
        "10.1.2.3": "is a private address",
        "169.254.169.254": "is a link-local address",
        "[fd00:ec2::254]": "is a private address",
    }
    for host, said in ways.items():
        with serving(DATA, leading(f"http://{host}:{port}/latest/meta-data"), address=PUBLIC) as server:
            url = server.url(host=PUBLIC)
            told = refused(url, full)
            assert told.startswith(f"cannot download '{url}': '{host.strip('[]')}' {said}")
            assert told.endswith(", and a redirect of a public server may not lead there")
    assert inside.seen == []


@pytest.mark.usefixtures("world")
def test_not_over_another_public_server_either(inside: Server, full: Path) -> None:
    with (
        serving(DATA, leading(inside.url()), address=PUBLIC) as second,
        serving(DATA, leading(second.url(host=PUBLIC)), address=PUBLIC) as first,
    ):
        assert "redirect of a public server" in refused(first.url(host=PUBLIC), full)
        assert len(second.seen) == 1
        fetched(first.url(host=PUBLIC), full)  # without redirects
    assert inside.seen == []


@pytest.mark.usefixtures("world")
def test_public_redirects_are_followed(full: Path) -> None:
    with (
        serving(DATA, address=PUBLIC) as second,
        serving(DATA, leading(second.url(host=PUBLIC), 307), address=PUBLIC) as first,
    ):
        fetched(first.url(host=PUBLIC), full)
        assert len(second.seen) == 1


@pytest.mark.usefixtures("world")
def test_a_name_that_changes_its_address_between_two_attempts(
    inside: Server, full: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A name server of the attacker: the first answer is public, all later ones are loopback, on the same port."""
    with serving(DATA, Answer(cut=100), address=PUBLIC) as server:
        answers = iter([PUBLIC])
        real = socket.getaddrinfo

        def resolver(host: str, port: int, **other: int) -> object:
            return real(next(answers, "127.0.0.1") if host == "evil.example" else host, port, **other)

        monkeypatch.setattr(socket, "getaddrinfo", resolver)
        monkeypatch.setattr(download, "wait", lambda seconds, report: None)
        with pytest.raises(SourceError) as caught:
            prepare(SourceSpec("tarball", server.url(host="evil.example")), full)
    assert str(caught.value).endswith(
        "'evil.example' had a public address before and now has the loopback one 127.0.0.1"
    )
    assert inside.seen == []


@pytest.mark.usefixtures("world")
def test_of_several_addresses_only_those_outside_are_tried(full: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = socket.getaddrinfo

    def resolver(host: str, port: int, **other: int) -> object:
        found = ("127.0.0.1", PUBLIC) if host == "both.example" else (host,)
        return [entry for address in found for entry in real(address, port, **other)]

    monkeypatch.setattr(socket, "getaddrinfo", resolver)
    with serving(DATA, address=PUBLIC) as second, serving(b"inside") as inside:
        inside.server_close()
        with serving(DATA, leading(second.url(host="both.example")), address=PUBLIC) as first:
            fetched(first.url(host=PUBLIC), full)
        assert len(second.seen) == 1


@pytest.mark.usefixtures("world")
def test_a_source_that_is_private_is_its_users_choice(inside: Server, full: Path) -> None:
    with serving(DATA, address="127.0.0.3") as store, serving(DATA, address="127.0.0.3") as server:
        for location in ("/elsewhere", store.url(host="127.0.0.3")):
            server.plan.append(leading(location))
            fetched(server.url(host="127.0.0.3"), full)
        server.plan.append(leading(inside.url()))
        assert "redirect of a private server may not lead there" in refused(server.url(host="127.0.0.3"), full)
    assert inside.seen == []
    with serving(DATA, leading(inside.url())) as neighbour:
        fetched(neighbour.url(), full)
        assert len(inside.seen) == 1


def test_through_a_proxy_addresses_count_and_names_are_its_own(
    inside: Server, full: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving(DATA) as proxy:
        monkeypatch.setenv("http_proxy", proxy.url("").rstrip("/"))
        for location in ("http://169.254.169.254/", "http://0x7f.1/", "http://localhost/", "http://[::ffff:a00:1]/"):
            proxy.plan.append(leading(location))
            assert "redirect of a public server may not lead there" in refused("http://far.invalid/x", full)
        assert {path for path, _ in proxy.seen} == {"http://far.invalid/x"}
        proxy.plan.append(leading("http://other.invalid/y"))
        fetched("http://far.invalid/x", full)
        # What no proxy is used for is looked up here.
        monkeypatch.setenv("no_proxy", "localhost")
        proxy.plan.append(leading(inside.url()))
        assert "has the loopback address" in refused("http://far.invalid/x", full)
        proxy.plan.append(leading("http://10.0.0.2/y"))
        fetched("http://10.0.0.1/x", full)
    assert inside.seen == []
