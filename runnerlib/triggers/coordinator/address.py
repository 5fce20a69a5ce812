"""The address of the Coordinator, and the rules for its token.

The token goes over plain http only if that is allowed, and never to another host.
"""

from __future__ import annotations

import re
from typing import NamedTuple
from urllib.parse import urljoin, urlsplit

from runnerlib.errors import RunnerError, one_line

PORTS = {"https": 443, "http": 80}
_TOKEN = re.compile(r"[\x21-\x7e]+")


class CoordinatorError(RunnerError):
    """The Coordinator did not fulfil a request; the text says why and never holds the token.

    `status` is that of its answer, 0 when there was none that can be understood. `refused` says that
    nothing can have come of the request.
    """

    def __init__(self, text: str, status: int = 0, *, refused: bool = False) -> None:
        super().__init__(text)
        self.status = status
        self.refused = refused


class Address(NamedTuple):
    """A URL of http or https, in parts; `path` includes a query."""

    scheme: str
    host: str
    port: int
    path: str

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        port = "" if self.port == PORTS[self.scheme] else f":{self.port}"
        return f"{self.scheme}://{host}{port}{self.path}"

    def below(self, path: str) -> Address:
        """The address of `path` below this one."""
        return self._replace(path=self.path.rstrip("/") + path)

    def redirected(self, location: str) -> Address:
        """Return the address that a redirect leads to.

        Raises CoordinatorError for another host, or from https to http.
        """
        target = address(urljoin(str(self), location), insecure=True, what="a redirect of the coordinator")
        if target.scheme == "http" and self.scheme == "https":
            raise CoordinatorError(
                f"the coordinator redirects from https to '{target}'; nothing is sent there", refused=True
            )
        upgraded = self.scheme == "http" and target.scheme == "https"
        if target.host != self.host or (target.port != self.port and not upgraded):
            raise CoordinatorError(
                f"the coordinator redirects to another host, '{target}'; the token is not sent there", refused=True
            )
        return target


def address(url: str, *, insecure: bool = False, what: str = "coordinator_url") -> Address:
    """Read a URL. Raises CoordinatorError for one that is none, has credentials in it, or is http unless `insecure`."""
    try:
        parts = urlsplit(url.strip())
        host, port = parts.hostname, parts.port
    except ValueError:
        raise CoordinatorError(f"{what} is no URL", refused=True) from None
    if parts.scheme not in PORTS or not host or not parts.netloc.isprintable() or " " in parts.netloc:
        raise CoordinatorError(f"{what} is no URL of https: '{_shown(url)}'", refused=True)
    if "@" in parts.netloc:
        raise CoordinatorError(f"{what} has credentials in it; the token is given apart from it", refused=True)
    if parts.scheme == "http" and not insecure:
        hint = "use https, or allow it with allow_insecure_transport (--allow-insecure-transport)"
        raise CoordinatorError(
            f"{what} '{_shown(url)}' is not https, and the token would be readable; {hint}", refused=True
        )
    path = parts.path + (f"?{parts.query}" if parts.query else "")
    if not path.isascii() or not path.isprintable() or " " in path:
        raise CoordinatorError(f"{what} has characters that no URL has", refused=True)
    return Address(parts.scheme, host, port or PORTS[parts.scheme], path)


def checked_token(token: str, name: str) -> str:
    """A token that fits in a header. Raises CoordinatorError."""
    if not _TOKEN.fullmatch(token):
        raise CoordinatorError(f"{name} has characters that no token has (a line break at its end?)", refused=True)
    return token


def _shown(url: str) -> str:
    """Return a URL without the parts that may be secret."""
    return one_line(re.sub(r"//[^/@]*@", "//…@", url.partition("?")[0]))[:200]
