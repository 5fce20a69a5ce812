"""Connections of `http.client` that wait in short turns, so that cancellation works in any thread.

A call that blocks in the kernel notices nothing but signals, and those only in the main thread. So a connection
checks for cancellation several times a second: while it looks a name up, while it connects, during the TLS handshake,
while it sends and while it waits for a response.
"""

from __future__ import annotations

import errno
import http.client
import math
import os
import select
import socket
import ssl
import time
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from runnerlib._util.http.reach import RefusedAddressError, literal
from runnerlib._util.threads import TURN, BlockingCall, Cancellation
from runnerlib.errors import one_line

if TYPE_CHECKING:
    from collections.abc import Callable

    from runnerlib._util.http.proxy import Proxy
    from runnerlib._util.http.reach import Boundary
    from runnerlib._util.http.target import Target

T = TypeVar("T")


class Trust(NamedTuple):
    """The trust and identity of a caller: authorities as PEM instead of the system's, and files of a certificate."""

    authorities: str = ""
    certificate: str = ""
    key: str = ""

    def into(self, context: ssl.SSLContext) -> None:
        """Set a context up. Raises SSLError and OSError."""
        if self.certificate:
            context.load_cert_chain(self.certificate, self.key or None)


_SYSTEMS = Trust()


class SlowError(TimeoutError):
    """A server that does send something, and would never come to an end."""


class HostError(OSError):
    """A host has no address; `passing` says that this may change."""

    def __init__(self, host: str, error: socket.gaierror) -> None:
        said = one_line(error.strerror or str(error)).rstrip(".").lower()
        super().__init__(f"host '{one_line(host)}' cannot be found: {said}")
        self.passing = error.errno == socket.EAI_AGAIN


class Limits:
    """Time limits of a connection: seconds of silence, a deadline, and cancellation by `check`, which raises.

    `deadline` is the time by which something must be complete, even if single bytes keep arriving: the head of a
    response at first, then what the reader of its body expects. Nothing lasts longer than `total` seconds.
    """

    def __init__(self, silence: float, check: Callable[[], object] = lambda: None, total: float = math.inf) -> None:
        self.silence = silence
        self.check = check
        self.deadline = math.inf
        self._end = time.monotonic() + total

    def expect(self, seconds: float, what: str) -> None:
        """Set a deadline: `what` has to arrive within so many seconds."""
        self.deadline = time.monotonic() + seconds
        self._late = f"{what} did not come within {seconds:g} s"

    def until(self, call: Callable[[], T], seconds: float | None = None) -> T:
        """Repeat `call`, which times out after each turn, and return its result. Raises TimeoutError."""
        end = min(time.monotonic() + (self.silence if seconds is None else seconds), self._end)
        while True:
            self.check()
            now = time.monotonic()
            if now >= self.deadline:
                raise SlowError(self._late)
            if now >= self._end:
                raise TimeoutError
            try:
                return call()
            except TimeoutError as error:
                if error.errno is not None or time.monotonic() >= end:  # the kernel's own is final
                    raise


class _Plain(socket.socket):
    """A socket whose user waits in turns."""

    limits: Limits

    def recv_into(self, *words: Any) -> int:
        """Receive data in turns; the readers of `http.client` call this."""
        return self.limits.until(lambda: super(_Plain, self).recv_into(*words))

    def sendall(self, data: Any, flags: int = 0) -> None:
        """Send data in turns."""
        left = memoryview(data).cast("B")

        def send() -> int:
            return super(_Plain, self).send(left, flags)

        while left:
            left = left[self.limits.until(send) :]


def _context(limits: Limits, trust: Trust) -> ssl.SSLContext:
    """TLS with the system's authorities (or those of SSL_CERT_FILE, or `trust`), whose sockets wait in turns."""

    class Secure(ssl.SSLSocket):
        def do_handshake(self, block: bool = False) -> None:
            try:
                limits.until(lambda: super(Secure, self).do_handshake(block))
            except BaseException:
                self.close()  # no other code has a reference yet
                raise

        def recv_into(self, *words: Any) -> int:
            return limits.until(lambda: super(Secure, self).recv_into(*words))

        def send(self, *words: Any) -> int:
            return limits.until(lambda: super(Secure, self).send(*words))

    context = ssl.create_default_context(cadata=trust.authorities or None)
    trust.into(context)
    context.sslsocket_class = Secure
    return context


class _Tunnel(http.client.HTTPSConnection):
    """A connection that leaves nothing open when a proxy refuses it; that of Python before 3.11.4 keeps its answer."""

    def _tunnel(self) -> None:
        answers: list[http.client.HTTPResponse] = []

        def kept(*words: Any, **keywords: Any) -> http.client.HTTPResponse:
            answers.append(http.client.HTTPResponse(*words, **keywords))
            return answers[-1]

        self.response_class = kept  # type: ignore[assignment]
        try:
            super()._tunnel()  # type: ignore[misc]
        except BaseException:
            for answer in answers:
                answer.close()
            raise
        finally:
            del self.response_class


def connection_to(
    target: Target, limits: Limits, proxy: Proxy | None, boundary: Boundary | None = None, trust: Trust = _SYSTEMS
) -> http.client.HTTPConnection:
    """Return a connection for requests to `target`, opened by the first one; through a `proxy`, if there is one.

    Addresses beyond the `boundary` are not connected to; if a host has no other, opening raises `RefusedAddressError`.
    """
    host, port = (proxy.host, proxy.port) if proxy else (target.host, target.port)
    made: http.client.HTTPConnection
    if target.scheme == "http":
        made = http.client.HTTPConnection(host, port)
    else:
        made = _Tunnel(host, port, context=_context(limits, trust))
        if proxy:
            made.set_tunnel(target.host, target.port, headers=proxy.login)

    def create(address: tuple[str, int], *_: object) -> socket.socket:
        if boundary is not None and proxy is not None:
            boundary.connected(target, boundary.check(target, literal(target.host)))
        return _connect(address, limits, target, None if proxy else boundary)

    made._create_connection = create  # type: ignore[attr-defined]  # what its classes have for others to replace
    return made


def _connect(server: tuple[str, int], limits: Limits, target: Target, boundary: Boundary | None) -> socket.socket:
    """Connect to the first address that takes it, each in its share of the time.

    The address that is checked is the one that is connected to: a second look-up could have another answer. Raises
    OSError, and `RefusedAddressError` if no address of the host was allowed.
    """
    found = look_up(*server, limits)
    end = time.monotonic() + limits.silence
    failure: Exception | None = None
    for number, (family, kind, protocol, _, address) in enumerate(found):
        made = _Plain(family, kind, protocol)
        try:
            reach = boundary.check(target, address[0]) if boundary else None
            made.limits = limits
            _open(made, address, limits, (end - time.monotonic()) / (len(found) - number))
        except (OSError, RefusedAddressError) as error:
            made.close()
            failure = error if failure is None or isinstance(error, OSError) else failure
        except BaseException:
            made.close()
            raise
        else:
            if boundary is not None and reach is not None:
                boundary.connected(target, reach)
            limits.expect(limits.silence, "the head of its answer")
            return made
    raise failure or OSError(errno.EADDRNOTAVAIL, f"host '{server[0]}' has no address")


def _open(made: socket.socket, address: Any, limits: Limits, seconds: float) -> None:
    made.setblocking(False)
    code = made.connect_ex(address)
    if code == errno.EINPROGRESS:
        limits.until(lambda: _turn(made), seconds)
        code = made.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
    if code:
        raise OSError(code, os.strerror(code))
    made.settimeout(TURN)


def _turn(made: socket.socket) -> None:
    """Wait a turn for a connection that is under way."""
    events = select.poll()
    events.register(made, select.POLLOUT)
    if not events.poll(TURN * 1000):
        raise TimeoutError


def look_up(host: str, port: int, limits: Limits) -> list[tuple[Any, ...]]:
    """Look a host up, in a thread: the C library would wait on for its answer. Raises HostError and OSError."""
    work = partial(socket.getaddrinfo, host, port, type=socket.SOCK_STREAM)
    try:
        with BlockingCall(work, Cancellation(), "runnerlib-lookup", grace=0) as call:
            return list(limits.until(call.poll))
    except socket.gaierror as error:
        raise HostError(host, error) from None
