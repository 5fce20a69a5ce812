"""URLs of http and https, and the rules for redirects. Pure."""

from __future__ import annotations

import re
from typing import NamedTuple
from urllib.parse import urljoin, urlsplit

from runnerlib.errors import one_line

PORTS = {"https": 443, "http": 80}
REDIRECTS = frozenset({301, 302, 303, 307, 308})

# A name of labels, or an address in brackets.
_HOST = r"(?:(?!-)[\w-]{1,63}(?:\.[\w-]{1,63})*\.?|\[[\w:.%]+\])(?::(?P<port>\d{1,5}))?"


class UrlError(ValueError):
    """A text is no URL of http; it completes a sentence whose subject is the URL."""


class Target(NamedTuple):
    """Parts of a URL, without credentials and fragment; `host` has no brackets, `path` includes the query."""

    scheme: str
    host: str
    port: int
    path: str

    def __str__(self) -> str:
        return f"{self.scheme}://{self.authority}{self.path}"

    @property
    def authority(self) -> str:
        """The host, and the port unless it is the usual one."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == PORTS[self.scheme] else f"{host}:{self.port}"

    @property
    def origin(self) -> tuple[str, str, int]:
        """Scheme, host and port: credentials are for one origin."""
        return self.scheme, self.host, self.port

    @property
    def shown(self) -> str:
        """The URL without its query, which may hold signatures and tokens."""
        path, mark, _ = self.path.partition("?")
        return one_line(f"{self.scheme}://{self.authority}{path}{mark and '?…'}")

    def redirected(self, location: str) -> Target:
        """Return where a redirect leads to. Raises `UrlError`, also for the way from https to http."""
        try:
            target = parse(urljoin(str(self), location))
        except UrlError as error:
            raise UrlError(f"leads to '{_hidden(location)}', which {error}") from None
        except ValueError:  # brackets that do not match, and the like
            raise UrlError(f"leads to '{_hidden(location)}', which is no url of http or https") from None
        if self.scheme == "https" and target.scheme != "https":
            raise UrlError(f"leads to '{target.shown}', which is not encrypted")
        return target


def parse(url: str) -> Target:
    """Take a URL apart; user and password are left out. Raises `UrlError`."""
    if not url.isprintable():  # of these some would be dropped silently
        raise UrlError("holds characters that must be percent-encoded")
    try:
        parts = urlsplit(url)
    except ValueError:
        raise UrlError("is no url of http or https") from None
    host = parts.netloc.rpartition("@")[2]
    if parts.scheme not in PORTS or not is_host(host):
        raise UrlError("is no url of http or https")
    path = f"{parts.path}{'?' if parts.query else ''}{parts.query}"
    if not path.isascii() or " " in path:
        raise UrlError("holds characters that must be percent-encoded")
    return Target(parts.scheme, parts.hostname or "", parts.port or PORTS[parts.scheme], path)


def is_host(text: str) -> bool:
    """Return whether the text can be a host, with a port or without."""
    found = re.fullmatch(_HOST, text)
    return found is not None and int(found["port"] or 0) < 1 << 16


def _hidden(location: str) -> str:
    """`location` without what may be secret in it."""
    return one_line(re.sub(r"//[^/?#]*@", "//***@", location.partition("#")[0].partition("?")[0]))
