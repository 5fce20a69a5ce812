"""The proxy that the environment names: http_proxy, https_proxy and no_proxy, in small or capital letters."""

from __future__ import annotations

import base64
import re
import urllib.request
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import unquote, urlsplit

from runnerlib._util.http.target import is_host
from runnerlib.errors import one_line

if TYPE_CHECKING:
    from runnerlib._util.http.target import Target


class ProxyError(ValueError):
    """The environment names a proxy that cannot be used; the text holds no password."""


class Proxy(NamedTuple):
    """A proxy of plain HTTP, and the user whom it knows."""

    host: str
    port: int
    user: str = ""
    password: str = ""

    def __str__(self) -> str:
        return f"http://{f'[{self.host}]' if ':' in self.host else self.host}:{self.port}"

    @property
    def login(self) -> dict[str, str]:
        """The header by which the proxy knows its user."""
        return {"Proxy-Authorization": basic(self.user, self.password)} if self.user else {}


def basic(user: str, password: str) -> str:
    """The value of a header for basic authentication."""
    return f"Basic {base64.b64encode(f'{user}:{password}'.encode('utf-8', 'surrogateescape')).decode()}"


def proxy_for(target: Target) -> Proxy | None:
    """Return the proxy for `target`, None to reach it directly. Raises `ProxyError`."""
    text = urllib.request.getproxies().get(target.scheme)
    if not text or urllib.request.proxy_bypass(target.authority):
        return None
    url = text if "://" in text else f"http://{text}"
    host = re.sub(r"[/?#].*", "", url.partition("://")[2].rpartition("@")[2], flags=re.DOTALL)
    if not re.match(r"(?i)http://", url) or not is_host(host):
        raise ProxyError(f"proxy '{one_line(_hidden(text))}' is no http://host:port")
    parts = urlsplit(f"http://{host}")
    user, _, password = url.partition("://")[2].rpartition("@")[0].partition(":")
    return Proxy(parts.hostname or "", parts.port or 80, unquote(user), unquote(password))


def _hidden(text: str) -> str:
    """`text` without its user and password."""
    scheme, mark, rest = text.rpartition("://")
    return f"{scheme}{mark}***@{rest.rpartition('@')[2]}" if "@" in rest else text
