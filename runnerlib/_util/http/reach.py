"""Distance of an address from this machine, and the limit for redirects. Pure, but for one question to the kernel.

A server elsewhere must not choose what of the inside is asked by a runner that stands inside: the service that gives a
cloud machine its credentials, a database, an interface on loopback.
"""

from __future__ import annotations

import ipaddress
import socket
from enum import IntEnum
from typing import TYPE_CHECKING

from runnerlib.errors import one_line

if TYPE_CHECKING:
    from collections.abc import Callable

    from runnerlib._util.http.target import Target

    Address = ipaddress.IPv4Address | ipaddress.IPv6Address


class Reach(IntEnum):
    """Distance of an address, from near to far."""

    LOOPBACK = 0
    LINK_LOCAL = 1
    PRIVATE = 2
    PUBLIC = 3

    def __str__(self) -> str:
        return self.name.lower().replace("_", "-")


# IPv6 prefixes whose last 32 bits are an address of IPv4: mapped, translated, NAT64, and the ancient compatible one.
_EMBEDDING = tuple(map(ipaddress.IPv6Network, ("::ffff:0:0/96", "::ffff:0:0:0/96", "64:ff9b::/96", "::/96")))
_6TO4 = ipaddress.IPv6Network("2002::/16")
_THIS_NETWORK = ipaddress.IPv4Network("0.0.0.0/8")  # of which 0.0.0.0 connects to this machine
# Not public, which not every version of `ipaddress` says: protocol assignments, local NAT64, site-local.
_OTHERS = tuple(map(ipaddress.ip_network, ("192.0.0.0/24", "64:ff9b:1::/48", "fec0::/10")))


def reach_of(text: str) -> Reach:
    """Classify an address in its usual form; what is not certainly public is private (carrier-grade NAT, tests, …)."""
    address = _unwrapped(ipaddress.ip_address(text))
    if address.is_loopback or address.is_unspecified or address in _THIS_NETWORK:
        return Reach.LOOPBACK
    if address.is_link_local:
        return Reach.LINK_LOCAL
    if not address.is_global or address.is_multicast or any(address in network for network in _OTHERS):
        return Reach.PRIVATE
    return Reach.LOOPBACK if _is_own(address) else Reach.PUBLIC


def _unwrapped(address: Address) -> Address:
    """Return the address of IPv4 that one of IPv6 stands for, else the address itself."""
    if isinstance(address, ipaddress.IPv4Address):
        return address
    if address in _6TO4:
        return ipaddress.IPv4Address(int(address) >> 80 & 0xFFFFFFFF)
    embeds = any(address in network for network in _EMBEDDING) and int(address) > 1  # :: and ::1 are themselves
    return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF) if embeds else address


def _is_own(address: Address) -> bool:
    """Tell whether an interface of this machine has the address; nothing is sent for that."""
    family = socket.AF_INET if address.version == 4 else socket.AF_INET6
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as asking:
            asking.connect((str(address), 9))
            return bool(asking.getsockname()[0] == str(address))
    except OSError:
        return False


def literal(host: str) -> str | None:
    """Return the address that a host is written as, in whatever way the C library reads it; None for a name."""
    try:
        host = host.encode("idna").decode().rstrip(".")
        return socket.inet_ntoa(socket.inet_aton(host))  # 127.1, 0x7f000001, 2130706433 too
    except (UnicodeError, OSError):
        pass
    try:
        return str(ipaddress.IPv6Address(host))
    except ValueError:
        return "127.0.0.1" if host == "localhost" or host.endswith(".localhost") else None


class RefusedAddressError(Exception):
    """A redirect leads nearer to this machine than it may; nothing was sent there."""


class Boundary:
    """Limit for the redirects of one download, set by the server that is asked first.

    A URL that itself leads to a private address is its user's choice: then redirects to that host, to addresses as
    near, and to all that are farther away are followed. From a public server they lead to public addresses only.
    """

    def __init__(self, classify: Callable[[str], Reach] | None = None) -> None:
        self._classify = classify or reach_of
        self._nearest: Reach | None = None
        self._host = ""

    def check(self, target: Target, address: str | None) -> Reach:
        """Return how near `address` of `target` is; None is a name that a proxy looks up, which is taken for public.

        Raises `RefusedAddressError`.
        """
        reach = Reach.PUBLIC if address is None else self._classify(address)
        if self._nearest is None or reach >= self._nearest:
            return reach
        if self._nearest < Reach.PUBLIC and target.host == self._host:
            return reach
        host, limit = one_line(target.host), self._nearest
        if target.host == self._host:
            raise RefusedAddressError(f"'{host}' had a {limit} address before and now has the {reach} one {address}")
        which = f"is a {reach} address" if address == target.host else f"has the {reach} address {address}"
        raise RefusedAddressError(f"'{host}' {which}, and a redirect of a {limit} server may not lead there")

    def connected(self, target: Target, reach: Reach) -> None:
        """Note the first server that was reached: it sets the limit."""
        if self._nearest is None:
            self._nearest, self._host = reach, target.host
