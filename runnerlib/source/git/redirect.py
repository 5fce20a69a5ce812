"""Redirects of git over http: git follows none of them itself, so that no server leads it to an address inside.

git tells where it was sent to; what that means is looked up and checked here, and git is bound to the address that was
checked (`http.curloptResolve`, git 2.37 or newer): its own look-up could have another answer.
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
        if not self._steps:
            return {}
        found = {f"url.{self._base}.insteadOf": self._remote.address, "http.curloptResolve": self._pin}
        numbered = list(enumerate((key, value) for key, value in found.items() if value))
        keys = {f"GIT_CONFIG_KEY_{number}": key for number, (key, _) in numbered}
        values = {f"GIT_CONFIG_VALUE_{number}": value for number, (_, value) in numbered}
        return {"GIT_CONFIG_COUNT": str(len(numbered)), **keys, **values}

    def go_on(self, trace: bytes) -> None:
        """Follow the redirect that git reports. Raises `SourceError` when it may not be followed."""
        found = _LOCATION.findall(trace)
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
        """Set the limit: the farthest of the addresses of the first server, which is public if it is not known."""
        try:
            addresses = self._addresses(self._base)
        except (OSError, ProxyError):
            addresses = []
        reaches = [self._boundary.check(self._base, address) for address in addresses]
        self._boundary.connected(self._base, max(reaches, default=Reach.PUBLIC))

    def _checked(self, target: Target) -> str:
        """Return what binds git to an address that is allowed. Raises `RefusedAddressError`."""
        refused: RefusedAddressError | None = None
        for address in self._addresses(target):
            try:
                self._boundary.check(target, address)
            except RefusedAddressError as error:
                refused = error
            else:
                return f"{target.host}:{target.port}:{address}" if address else ""
        raise refused or SourceError(f"host '{target.host}' has no address")

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
