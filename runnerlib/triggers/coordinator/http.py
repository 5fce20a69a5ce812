"""One request and its answer, within a deadline for the look-up, connection, TLS and each byte."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from runnerlib._util.http.connection import Limits
from runnerlib._util.http.proxy import ProxyError
from runnerlib._util.http.transport import FAILURES, Exchange
from runnerlib.triggers.coordinator.address import CoordinatorError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from email.message import Message

    from runnerlib._util.http.target import Target

_LARGEST = 4 << 20


class ExchangeError(Exception):
    """There is no response; the text says why. `sent` is true if the server may have got the request."""

    def __init__(self, text: str, *, sent: bool) -> None:
        super().__init__(text)
        self.sent = sent


class Answer(NamedTuple):
    """The response of the server."""

    status: int
    headers: Message
    body: bytes


def exchange(method: str, target: Target, body: bytes | None, headers: Mapping[str, str], seconds: float) -> Answer:
    """Make one request, in at most `seconds`. Raises ExchangeError, and CoordinatorError for a proxy that is none.

    Redirects are answers like others.
    """
    sent = False
    try:
        made = Exchange(target, Limits(seconds, total=seconds))
    except ProxyError as error:
        raise CoordinatorError(str(error), refused=True) from None
    try:
        made.connect()
        sent = True
        answer = made.ask(method, headers, body)
        found = answer.read(_LARGEST + 1)
    except FAILURES as error:
        why = "it took too long" if isinstance(error, TimeoutError) else made.explain(error)
        raise ExchangeError(f"no answer from '{target._replace(path='')}': {why}", sent=sent) from None
    finally:
        made.close()
    if len(found) > _LARGEST:
        raise ExchangeError(f"the answer of '{target.shown}' is larger than {_LARGEST} bytes", sent=True)
    return Answer(answer.status, answer.headers, found)
