"""One request of HTTP and its response, through the proxy that the environment names."""

from __future__ import annotations

import http.client
import ssl
from typing import TYPE_CHECKING, Any

from runnerlib._util.http.connection import Trust, connection_to
from runnerlib._util.http.proxy import proxy_for
from runnerlib.errors import one_line

if TYPE_CHECKING:
    from collections.abc import Mapping

    from runnerlib._util.http.connection import Limits
    from runnerlib._util.http.reach import Boundary
    from runnerlib._util.http.target import Target

FAILURES = (OSError, http.client.HTTPException, UnicodeError)
"""Exceptions of an `Exchange` when the network, the proxy or the server fails; `explain` has words for them."""

_TUNNEL = "Tunnel connection failed: "  # so http.client says that a proxy refuses


class Exchange:
    """A request to `target` over a connection of its own; close it when the response has been read.

    Raises `ProxyError` for a proxy that cannot be used, `RefusedAddressError` for what is beyond the `boundary`, and
    `FAILURES`.
    """

    def __init__(
        self, target: Target, limits: Limits, boundary: Boundary | None = None, trust: Trust | None = None
    ) -> None:
        self._target = target
        self._proxy = proxy_for(target)
        self._connection = connection_to(target, limits, self._proxy, boundary, trust or Trust())

    def connect(self) -> None:
        """Connect; nothing of the request is sent before."""
        self._connection.connect()

    @property
    def socket(self) -> Any:
        """The socket, once it is connected: for requests and responses that are passed on as they are."""
        return self._connection.sock

    def ask(self, method: str, headers: Mapping[str, str], body: bytes | None = None) -> http.client.HTTPResponse:
        """Send the request and return the head of its response; connects if that was not done."""
        path, sent = self._target.path or "/", dict(headers)
        if self._proxy is not None and self._target.scheme == "http":
            path, sent = str(self._target._replace(path=path)), sent | self._proxy.login
        self._connection.request(method, path, body, sent)
        return self._connection.getresponse()

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def explain(self, error: BaseException) -> str:
        """Return why the exchange failed, in words for its user."""
        through = f" (through the proxy '{self._proxy}')" if self._proxy else ""
        return f"{_reason(error)}{through}"


def _reason(error: BaseException) -> str:
    match error:
        case ssl.SSLCertVerificationError():
            why = f"its certificate is not trusted ({error.verify_message}); SSL_CERT_FILE names other authorities"
        case ssl.SSLError():
            why = f"TLS failed ({(error.reason or 'unknown').lower().replace('_', ' ')})"
        case http.client.RemoteDisconnected():
            why = "it closed the connection"
        case http.client.HTTPException():
            why = f"it does not speak HTTP ({type(error).__name__}: {_text(str(error))})"
        case UnicodeError():
            why = "its name is none"
        case OSError() if str(error).startswith(_TUNNEL):
            why = f"the proxy says {_text(str(error).removeprefix(_TUNNEL))}"
        case _:
            why = _text(getattr(error, "strerror", None) or str(error)) or "the connection failed"
    return why


def _text(said: str) -> str:
    return one_line(said).rstrip(".").lower()
