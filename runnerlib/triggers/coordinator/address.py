"""The address of the Coordinator, and the rules for its token.

The token goes over plain http only if that is allowed, and never to another host.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from runnerlib._util.http.target import UrlError, parse
from runnerlib.errors import RunnerError, one_line

if TYPE_CHECKING:
    from runnerlib._util.http.target import Target

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


def address(url: str, *, insecure: bool = False) -> Target:
    """Read a URL. Raises CoordinatorError for one that is none, has credentials in it, or is http unless `insecure`."""
    text, what = url.strip(), "coordinator_url"
    if "@" in text.partition("://")[2].partition("/")[0]:
        raise CoordinatorError(f"{what} has credentials in it; the token is given apart from it", refused=True)
    try:
        target = parse(text)
    except UrlError as error:
        raise CoordinatorError(f"{what} '{_shown(text)}' {error}", refused=True) from None
    if target.scheme == "http" and not insecure:
        hint = "use https, or allow it with allow_insecure_transport (--allow-insecure-transport)"
        raise CoordinatorError(
            f"{what} '{_shown(text)}' is not https, and the token would be readable; {hint}", refused=True
        )
    return target


def below(target: Target, path: str) -> Target:
    """The address of `path` below `target`."""
    return target._replace(path=target.path.rstrip("/") + path)


def redirected(target: Target, location: str) -> Target:
    """Return where a redirect leads to. Raises CoordinatorError for another host, or from https to http."""
    try:
        found = target.redirected(location)
    except UrlError as error:
        raise CoordinatorError(f"the coordinator {error}; nothing is sent there", refused=True) from None
    upgraded = target.scheme == "http" and found.scheme == "https"
    if found.host != target.host or (found.port != target.port and not upgraded):
        raise CoordinatorError(
            f"the coordinator leads to another host, '{found.shown}'; the token is not sent there", refused=True
        )
    return found


def checked_token(token: str, name: str) -> str:
    """A token that fits in a header. Raises CoordinatorError."""
    if not _TOKEN.fullmatch(token):
        raise CoordinatorError(f"{name} has characters that no token has (a line break at its end?)", refused=True)
    return token


def _shown(url: str) -> str:
    """Return a URL without the parts that may be secret."""
    return one_line(re.sub(r"//[^/@]*@", "//…@", url.partition("?")[0]))[:200]
