"""Redirects of git over http: git follows none of them itself, so that no server leads it to an address inside.

git tells where it was sent to, and which address said so; what that means is looked up and checked here, and git is
bound to the addresses that were checked (`http.curloptResolve`, git 2.37 or newer): its own look-up could have another
answer.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from runnerlib._util.http.connection import Limits, look_up
from runnerlib._util.http.proxy import ProxyError, proxy_for
from runnerlib._util.http.reach import Boundary, Reach, RefusedAddressError, literal
from runnerlib._util.http.target import Target, UrlError, parse
from runnerlib.errors import SourceError
from runnerlib.source.git.transport import NetworkError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from runnerlib.source.git.remote import Remote

TRACE = {"GIT_TRACE_CURL": "2", "GIT_TRACE_CURL_NO_DATA": "1", "GIT_TRACE_REDACT": "1"}
"""Variables with which git says on stderr what it was answered, without credentials."""

_ASKED = "/info/refs?service=git-upload-pack"
_MOST = 10
_LOCATION = re.compile(rb"(?i)<= Recv header: location:[ \t]*(\S+)")
# Newer versions of libcurl name the address before the port, in one pair of brackets.
_CONNECTED = re.compile(rb"== Info: (?:Connected to|Established connection to) .*?\(([0-9a-fA-F:.]+)[ )]")


class Way:
    """The way from the address of a repository to where it is served."""

    def __init__(self, remote: Remote, timeout: float, check: Callable[[], None]) -> None:
        """`check` raises when nobody waits for the answer any more. Raises `SourceError`."""
        self._remote = remote
        self._limits = Limits(timeout, check)
        self._boundary = Boundary()
        self._steps = 0
        self._pin = ""
        self._base = self._parsed(remote.address)
        self._begin()

    @property
    def settings(self) -> Mapping[str, str]:
        """Variables by which git asks the place that was found; a URL in an argument would be cut at its first `=`."""
        place = f"url.{self._base}.insteadOf"
        found = {place: self._remote.address if self._steps else "", "http.curloptResolve": self._pin}
        numbered = list(enumerate((key, value) for key, value in found.items() if value))
        keys = {f"GIT_CONFIG_KEY_{number}": key for number, (key, _) in numbered}
        values = {f"GIT_CONFIG_VALUE_{number}": value for number, (_, value) in numbered}
        return {"GIT_CONFIG_COUNT": str(len(numbered)), **keys, **values}

    def go_on(self, trace: bytes) -> None:
        """Follow the redirect that git reports. Raises `SourceError` when it may not be followed."""
        found = _LOCATION.findall(trace)
        if not self._steps:
            self._limit(trace)
        self._steps += 1
        if not found:
            raise self._error("its redirect cannot be followed: it does not say where to")
        if self._steps > _MOST:
            raise self._error(f"it leads to more than {_MOST} other places")
        asked = self._base._replace(path=self._base.path.rstrip("/") + _ASKED)
        try:
            target = asked.redirected(found[-1].decode("utf-8", "replace"))
            if not target.path.endswith(_ASKED):
                raise self._error(f"leads to '{target.shown}', which is no repository")
            self._pin = self._checked(target)
        except (UrlError, RefusedAddressError, ProxyError) as error:
            raise self._error(str(error)) from None
        except OSError as error:
            raise NetworkError(str(self._error(str(error) or "nothing came of looking up its name"))) from None
        self._base = target._replace(path=target.path.removesuffix(_ASKED))

    def _begin(self) -> None:
        """Bind git to the addresses of the first server, if they are known, for the redirect that sets out from it."""
        try:
            self._first = [address for address in self._addresses(self._base) if address]
        except (OSError, ProxyError):
            self._first = []
        self._pin = _pin(self._base, self._first)

    def _limit(self, trace: bytes) -> None:
        """Set the limit: the farthest of the addresses of the first server, which is public if it is not known.

        Those that git has connected to are among them: an older one is not bound to what was looked up here.
        """
        connected = [address.decode() for address in _CONNECTED.findall(trace)]
        reaches = [self._boundary.check(self._base, address) for address in (*self._first, *connected)]
        self._boundary.connected(self._base, max(reaches, default=Reach.PUBLIC))

    def _checked(self, target: Target) -> str:
        """Return what binds git to the addresses that are allowed. Raises `RefusedAddressError`."""
        refused: RefusedAddressError | None = None
        allowed: list[str | None] = []
        for address in self._addresses(target):
            try:
                self._boundary.check(target, address)
            except RefusedAddressError as error:
                refused = error
            else:
                allowed.append(address)
        if not allowed:
            raise refused or SourceError(f"host '{target.host}' has no address")
        return _pin(target, [address for address in allowed if address])

    def _addresses(self, target: Target) -> list[str | None]:
        """The addresses of a server; what a proxy looks up is known only if it is written as an address."""
        if proxy_for(target) is not None:
            return [literal(target.host)]
        return [entry[4][0] for entry in look_up(target.host, target.port, self._limits)]

    def _parsed(self, address: str) -> Target:
        try:
            return parse(address)
        except UrlError as error:
            raise self._error(f"the url {error}") from None

    def _error(self, why: str) -> SourceError:
        return SourceError(f"cannot clone '{self._remote.shown}': {why}")


def _pin(target: Target, addresses: list[str]) -> str:
    """Return what binds git to addresses; an address of IPv6 needs nothing, and libcurl would not understand it."""
    known = addresses and ":" not in target.host
    return f"{target.host}:{target.port}:{','.join(dict.fromkeys(addresses))}" if known else ""
