"""Redirects of git over http, followed by the runner: a server elsewhere leads no engine to an address inside."""

from __future__ import annotations

import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from runnerlib._util.http.reach import Boundary, Reach, reach_of
from runnerlib.errors import SourceError
from runnerlib.source import SourceSpec, prepare
from runnerlib.source.git import redirect, relay_limit
from tests.source.repository import Origin, holders, snapshot
from tests.source.smart_http import QUOTED, Server, serving
from tests.tools import tool

PUBLIC = "127.0.0.2"  # is declared public by the fixture `world`: no other public server can be had in a test


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> None:
    def classify(address: str) -> Reach:
        return Reach.PUBLIC if address == PUBLIC else reach_of(address)

    for module in (redirect, relay_limit):
        monkeypatch.setattr(module, "Boundary", lambda: Boundary(classify))


@pytest.fixture
def public(origin: Origin) -> Iterator[Server]:
    """A server on an address that is declared public."""
    with serving(origin.path.parent, address=PUBLIC) as server:
        yield server


def clone(url: str, target: Path) -> None:
    prepare(SourceSpec("git", url, None, (("retries", "0"),)), target)
    assert (target / ".git/HEAD").exists()


def refused(url: str, target: Path) -> str:
    before = snapshot(target)
    with pytest.raises(SourceError) as caught:
        clone(url, target)
    assert snapshot(target) == before
    assert holders(target.parent) == []
    return str(caught.value)


@pytest.mark.usefixtures("world", "engine")
def test_a_public_server_leads_git_nowhere_inside(public: Server, server: Server, full: Path) -> None:
    ways = {
        "127.0.0.1": "'127.0.0.1' is a loopback address",
        "localhost": "'localhost' has the loopback address ",
        "2130706433": "'2130706433' has the loopback address 127.0.0.1",
        "[::ffff:127.0.0.1]": "'::ffff:127.0.0.1' is a loopback address",
        "169.254.169.254": "'169.254.169.254' is a link-local address",
    }
    for host, said in ways.items():
        url = public.url(f"moved/{host}:{server.port}/git/repo")
        told = refused(url, full)
        assert told.startswith(f"cannot clone '{url}': {said}"), told
        assert told.endswith(", and a redirect of a public server may not lead there")
    url = public.url(f"moved/{PUBLIC}:{public.port}/moved/{server.port}/git/repo")  # over another public place
    assert "redirect of a public server" in refused(url, full)
    assert server.seen == []


@pytest.mark.usefixtures("world", "engine")
def test_public_redirects_are_followed_and_the_checkout_keeps_its_url(public: Server, full: Path) -> None:
    place = f"{PUBLIC}:{public.port}"
    url = public.url(f"moved/{place}/moved/{place}/git/repo")
    clone(url, full)
    told = subprocess.run(
        [tool("git"), "config", "-l", "--local"], cwd=full, capture_output=True, text=True, check=True
    )
    assert f"remote.origin.url={url}\n" in told.stdout
    assert "insteadof" not in told.stdout


@pytest.mark.usefixtures("world")
def test_git_is_bound_to_the_address_that_was_checked(
    public: Server, full: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A name that only this process can look up, once: git asks no name server for it."""
    real = socket.getaddrinfo
    answers = iter([PUBLIC])

    def resolver(host: str, port: int, **other: int) -> object:
        return real(next(answers) if host == "elsewhere.invalid" else host, port, **other)

    monkeypatch.setattr(socket, "getaddrinfo", resolver)
    clone(public.url(f"moved/elsewhere.invalid:{public.port}/git/repo"), full)


@pytest.mark.usefixtures("world")
@pytest.mark.parametrize("pins", [True, False])
def test_a_name_that_is_inside_when_it_is_looked_up_lifts_no_limit(
    public: Server, server: Server, full: Path, monkeypatch: pytest.MonkeyPatch, *, pins: bool
) -> None:
    """git has asked a public address; the look-up here, for the limit, has another answer. An old git is not bound."""
    real = socket.getaddrinfo

    def resolver(host: str, port: int, **other: int) -> object:
        return real("127.0.0.1" if host == PUBLIC else host, port, **other)

    monkeypatch.setattr(socket, "getaddrinfo", resolver)
    if not pins:
        monkeypatch.setattr(redirect, "_pin", lambda *_: "")
    said = refused(public.url(f"moved/127.0.0.1:{server.port}/git/repo"), full)
    assert ("does not say where to" if pins else "a redirect of a public server may not lead there") in said, said
    assert server.seen == []


@pytest.mark.usefixtures("engine")
def test_a_server_inside_may_lead_to_its_like(server: Server, full: Path) -> None:
    clone(server.url(f"moved/localhost:{server.port}/git/repo"), full)


@pytest.mark.usefixtures("world", "engine")
def test_credentials_stay_where_they_belong(public: Server, full: Path) -> None:
    moved = public.url(f"moved/{PUBLIC}:{public.port}/auth/repo", f"me:{QUOTED}")
    clone(moved, full)  # the same host and port
    public.seen.clear()
    with serving(public.root, address=PUBLIC) as other:
        told = refused(public.url(f"moved/{PUBLIC}:{other.port}/auth/repo", f"me:{QUOTED}"), full)
        assert "which gets no credentials" in told
        assert {header for _, header in other.seen} == {None}


def test_where_no_redirect_may_lead(server: Server, full: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(redirect, "_MOST", 2)
        place = f"moved/{server.port}/" * 4
        assert refused(server.url(f"{place}git/repo"), full).endswith("it leads to more than 2 other places")
    url = server.url(f"moved/{server.port}/git/repo")
    monkeypatch.setattr(redirect, "_LOCATION", redirect.re.compile(b"(no such header)"))
    assert refused(url, full).endswith("its redirect cannot be followed: it does not say where to")


@pytest.mark.usefixtures("world", "no_git")
def test_libgit2_is_led_nowhere_by_a_name_with_two_answers(
    public: Server, server: Server, full: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A name that is public when it is looked up first, and loopback from then on, where the same server leads."""
    real = socket.getaddrinfo
    answers = iter([PUBLIC])

    def resolver(host: str, port: int, **other: int) -> object:
        return real(next(answers, "127.0.0.1") if host == "evil.invalid" else host, port, **other)

    monkeypatch.setattr(socket, "getaddrinfo", resolver)
    url = f"http://evil.invalid:{public.port}/moved/evil.invalid:{server.port}/git/repo"
    said = refused(url, full)
    assert said.endswith("'evil.invalid' had a public address before and now has the loopback one 127.0.0.1"), said
    assert server.seen == []


@pytest.mark.usefixtures("no_git")
def test_libgit2_follows_a_limited_number_of_redirects(server: Server, full: Path) -> None:
    place = f"moved/{server.port}/"
    clone(server.url(f"{place * 9}git/repo"), full)
    assert refused(server.url(f"{place * 10}git/repo"), full).endswith("it leads to more than 10 other places")
