"""The limit for redirects of one repository that libgit2 asks, and the way that they lead."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from runnerlib._util.http.reach import Boundary
from runnerlib._util.http.target import Target, UrlError, parse
from runnerlib.errors import SourceError
from runnerlib.source.git.failure import is_network
from runnerlib.source.git.relay import ASKED, Relay
from runnerlib.source.git.transport import NetworkError
from runnerlib.source.url import split

if TYPE_CHECKING:
    from collections.abc import Callable

    from runnerlib.source.git.remote import Remote

T = TypeVar("T")

_MOST = 10


class RedirectLimit:
    """The relays to one repository, which share a limit: the first server that is reached sets it."""

    def __init__(self, remote: Remote, timeout: float) -> None:
        """Raises `SourceError` for a URL that is none."""
        self._asked = remote
        self._now = remote
        self._timeout = timeout
        self._boundary = Boundary()
        try:
            self._origin = parse(remote.address).origin
        except UrlError as error:
            raise self._error(f"the url {error}") from None

    def reach(self, work: Callable[[Relay, Remote], T], errors: tuple[type[Exception], ...]) -> T:
        """Return what `work` does with a relay; again where a redirect leads. Raises `SourceError`, and `errors`."""
        for _ in range(_MOST):
            with Relay(self._now.address, self._boundary, self._timeout) as relay:
                try:
                    return work(relay, self._now)
                except Exception as error:
                    if not isinstance(error, (*errors, SourceError)):
                        raise
                    if relay.moved is None:
                        self._explain(relay)
                        raise
            self._now = self._moved(relay.moved)
        raise self._error(f"it leads to more than {_MOST} other places")

    def _explain(self, relay: Relay) -> None:
        """Raise what the relay knows about a failure."""
        if relay.refused:
            raise self._error(relay.refused) from None
        if relay.failure:
            kind = NetworkError if is_network(relay.failure, self._now) else SourceError
            raise kind(str(self._error(relay.failure))) from None

    def _moved(self, target: Target) -> Remote:
        """Return the repository at the end of a redirect; credentials are for their own server."""
        if not target.path.endswith(ASKED):
            raise self._error(f"leads to '{target.shown}', which is no repository")
        address = str(target._replace(path=target.path.removesuffix(ASKED)))
        known = target.origin == self._origin
        user, password = (self._asked.user, self._asked.password) if known else ("", "")
        return self._asked._replace(address=address, url=split(address), user=user, password=password)

    def _error(self, why: str) -> SourceError:
        return SourceError(f"cannot clone '{self._asked.shown}': {why}")
