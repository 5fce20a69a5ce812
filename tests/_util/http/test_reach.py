"""Reach of addresses: how near each one is, and how near a redirect may lead."""

from __future__ import annotations

import socket

import pytest

from runnerlib._util.http.reach import Boundary, Reach, RefusedAddressError, literal, reach_of
from runnerlib._util.http.target import parse

NEAR = {
    Reach.LOOPBACK: (
        *("127.0.0.1", "127.255.0.9", "0.0.0.0", "0.1.2.3", "::1", "::", "::ffff:127.0.0.1", "::ffff:0.0.0.0"),
        *("::127.0.0.1", "::ffff:0:127.0.0.1", "64:ff9b::7f00:1", "2002:7f00:1::", "2002:7f00:1::9"),
    ),
    Reach.LINK_LOCAL: (
        *("169.254.169.254", "::ffff:169.254.169.254", "64:ff9b::a9fe:a9fe", "2002:a9fe:a9fe::1"),
        *("fe80::1", "fe80::1%1", "febf::1"),
    ),
    Reach.PRIVATE: (
        *("10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1", "100.64.0.1", "100.100.100.200", "192.0.0.192"),
        *("198.18.0.1", "192.0.2.1", "203.0.113.9", "224.0.0.1", "239.1.1.1", "240.0.0.1", "255.255.255.255"),
        *("fc00::1", "fd00:ec2::254", "fec0::1", "ff02::1", "2001:db8::1", "64:ff9b:1::a00:1", "100::1"),
        *("::ffff:10.0.0.1", "::10.0.0.1", "64:ff9b::10.0.0.1", "2002:a00:1::", "2001::1"),
    ),
    Reach.PUBLIC: (
        *("1.1.1.1", "8.8.8.8", "172.32.0.1", "100.128.0.1", "193.0.0.1", "2606:4700:4700::1111", "2a00:1450::1"),
        *("::ffff:8.8.8.8", "64:ff9b::808:808", "2002:808:808::1"),
    ),
}


def test_addresses_are_classified() -> None:
    for reach, addresses in NEAR.items():
        assert {address: reach_of(address) for address in addresses} == dict.fromkeys(addresses, reach)


def test_an_address_of_this_machine_is_loopback_however_public_it_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    """An interface of this machine is declared to have a public address; the kernel is asked for it."""
    asked = []

    class Interface(socket.socket):
        def connect(self, address: tuple[str, int]) -> None:  # type: ignore[override]
            asked.append(address[0])

        def getsockname(self) -> tuple[str, int]:
            return asked[-1], 4711

    monkeypatch.setattr(socket, "socket", Interface)
    assert (reach_of("8.8.8.8"), reach_of("2606:4700::1")) == (Reach.LOOPBACK, Reach.LOOPBACK)
    assert asked == ["8.8.8.8", "2606:4700::1"]


def test_what_a_host_is_written_as() -> None:
    written = {
        **dict.fromkeys(("127.0.0.1", "127.1", "2130706433", "0x7f000001", "0177.0.0.1", "127.0.0.1."), "127.0.0.1"),
        **dict.fromkeys(("localhost", "localhost.", "any.localhost", "①②⑦.⓪.⓪.①"), "127.0.0.1"),
        "::1": "::1",
        "0:0:0:0:0:0:0:1": "::1",
        "fe80::1%1": "fe80::1%1",
        "0": "0.0.0.0",
        **dict.fromkeys(("example.org", "127.0.0.1.example.org", "localhost.example", "a" * 64, ""), None),
    }
    assert {host: literal(host) for host in written} == written


def admitted(*steps: tuple[str, str | None]) -> list[str]:
    """Visit the steps (host, address) one after the other; for each the reach, or why it is refused."""
    boundary, told = Boundary(), []
    for host, address in steps:
        target = parse(f"http://{host}/")
        try:
            reach = boundary.check(target, address)
        except RefusedAddressError as error:
            told.append(str(error))
        else:
            boundary.connected(target, reach)
            told.append(str(reach))
    return told


def test_a_public_server_leads_to_public_ones_only() -> None:
    assert admitted(
        ("example.org", "8.8.8.8"),
        ("other.example", "1.1.1.1"),
        ("intern", "10.0.0.1"),
        ("169.254.169.254", "169.254.169.254"),
        ("example.org", "127.0.0.1"),
    ) == [
        "public",
        "public",
        "'intern' has the private address 10.0.0.1, and a redirect of a public server may not lead there",
        "'169.254.169.254' is a link-local address, and a redirect of a public server may not lead there",
        "'example.org' had a public address before and now has the loopback one 127.0.0.1",
    ]


def test_a_private_server_leads_to_private_ones_and_to_its_own_host() -> None:
    nearer = "and a redirect of a private server may not lead there"
    assert admitted(
        ("intern", "10.0.0.1"),
        ("intern", "127.0.0.1"),
        ("store", "fd00::1"),
        ("example.org", "8.8.8.8"),
        ("store", "10.0.0.2"),
        ("metadata", "169.254.169.254"),
        ("localhost", "::1"),
    ) == [
        *("private", "loopback", "private", "public", "private"),
        f"'metadata' has the link-local address 169.254.169.254, {nearer}",
        f"'localhost' has the loopback address ::1, {nearer}",
    ]


def test_a_server_of_this_machine_leads_anywhere() -> None:
    assert admitted(("localhost", "127.0.0.1"), ("a", "169.254.0.1"), ("b", "10.0.0.1"), ("c", "8.8.8.8")) == [
        *("loopback", "link-local", "private", "public")
    ]


def test_a_name_that_a_proxy_looks_up_is_taken_for_public() -> None:
    assert admitted(("example.org", None), ("intern", None), ("10.0.0.1", literal("10.0.0.1"))) == [
        "public",
        "public",
        "'10.0.0.1' is a private address, and a redirect of a public server may not lead there",
    ]
