"""Connections of `http.client` that wait in short turns, so that cancellation works in any thread.

A call that blocks in the kernel notices nothing but signals, and those only in the main thread. So a connection
checks for cancellation several times a second: while it connects, during the TLS handshake and while it waits for a
response.
"""

from __future__ import annotations

import base64
import errno
import http.client
import math
import os
import select
import socket
import ssl
import time
import urllib.request
from typing import TYPE_CHECKING, Any, TypeVar

from runnerlib.errors import SourceError, one_line
from runnerlib.source import interruptible_thread as worker
from runnerlib.source.retry import TURN
from runnerlib.source.spec import still_wanted
from runnerlib.source.tarball.address import is_host
from runnerlib.source.url import split, without_credentials

if TYPE_CHECKING:
    from collections.abc import Callable

    from runnerlib.source.spec import Report
    from runnerlib.source.url import Url

T = TypeVar("T")


class SlowError(TimeoutError):
    """A server that does send something, and would never come to an end."""


class Watch:
    """Time limits of a connection: seconds of silence, a deadline, and cancellation by `report`.

    `deadline` is the time by which something must be complete, even if single bytes keep arriving: the head of a
    response at first, then each portion of its body. The reader of a body extends it.
    """

    def __init__(self, timeout: float, report: Report) -> None:
        self.timeout = timeout
        self.report = report
        self.deadline = math.inf

    def expect(self, seconds: float, what: str) -> None:
        """Set a deadline: `what` has to arrive within so many seconds."""
        self.deadline = time.monotonic() + seconds
        self._late = f"{what} did not come within {seconds:g} s"

    def until(self, call: Callable[[], T]) -> T:
        """Repeat `call`, which times out after each turn, and return its result. Raises TimeoutError."""
        end = time.monotonic() + self.timeout
        while True:
            still_wanted(self.report)
            if time.monotonic() >= self.deadline:
                raise SlowError(self._late)
            try:
                return call()
            except TimeoutError as error:
                if error.errno is not None or time.monotonic() >= end:  # the kernel's own is final
                    raise


class _Plain(socket.socket):
    """A socket whose reader waits in turns."""

    watch: Watch

    def recv_into(self, *words: Any) -> int:
        """Receive data in turns; the readers of `http.client` call this."""
        return self.watch.until(lambda: super(_Plain, self).recv_into(*words))


def _context(watch: Watch) -> ssl.SSLContext:
    """TLS with the system's authorities, whose sockets wait in turns."""

    class Secure(ssl.SSLSocket):
        def do_handshake(self, block: bool = False) -> None:
            try:
                watch.until(lambda: super(Secure, self).do_handshake(block))
            except BaseException:
                self.close()  # no other code has a reference yet
                raise

        def recv_into(self, *words: Any) -> int:
            return watch.until(lambda: super(Secure, self).recv_into(*words))

    context = ssl.create_default_context()
    context.sslsocket_class = Secure
    return context


def connection_to(url: Url, watch: Watch, proxy: Url | None) -> http.client.HTTPConnection:
    """Return a connection for requests to `url`, opened by the first one; through a `proxy`, if there is one."""
    to = proxy or url
    made: http.client.HTTPConnection
    if url.scheme == "http":
        made = http.client.HTTPConnection(to.host)
    else:
        made = http.client.HTTPSConnection(to.host, context=_context(watch))
        if proxy:
            made.set_tunnel(url.host, headers=proxy_login(proxy))
    # The one thing of a connection that its classes have for others to replace.
    made._create_connection = lambda address, *_: _connect(address[0], address[1], watch)  # type: ignore[attr-defined]
    return made


def proxy_login(proxy: Url) -> dict[str, str]:
    """The header by which a proxy knows its user."""
    return {"Proxy-Authorization": http_basic(proxy.user, proxy.password)} if proxy.user else {}


def http_basic(user: str, password: str) -> str:
    """The value of a header for basic authentication."""
    return f"Basic {base64.b64encode(f'{user}:{password}'.encode('utf-8', 'surrogateescape')).decode()}"


def proxy_for(url: Url) -> Url | None:
    """The proxy that the environment names for `url`. Raises `SourceError`."""
    text = urllib.request.getproxies().get(url.scheme)
    if not text or urllib.request.proxy_bypass(url.host):
        return None
    proxy = split(text if "://" in text else f"http://{text}")
    if proxy is None or proxy.scheme != "http" or not is_host(proxy.host):
        raise SourceError(f"proxy '{without_credentials(text)}' is no http://host:port")
    return proxy


def _connect(host: str, port: int, watch: Watch) -> socket.socket:
    """A connection to the first address of `host` that takes one. Raises OSError and `SourceError`."""
    failure: OSError | None = None
    for family, kind, protocol, _, address in _addresses(host, port, watch.report):
        made = _Plain(family, kind, protocol)
        try:
            made.watch = watch
            _open(made, address, watch)
        except OSError as error:
            made.close()
            failure = error
        except BaseException:
            made.close()
            raise
        else:
            watch.expect(watch.timeout, "the head of its answer")
            return made
    raise failure or OSError(errno.EADDRNOTAVAIL, f"host '{host}' has no address")


def _open(made: socket.socket, address: Any, watch: Watch) -> None:
    made.setblocking(False)
    code = made.connect_ex(address)
    if code == errno.EINPROGRESS:
        watch.until(lambda: _turn(made))
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


def _addresses(host: str, port: int, report: Report) -> list[tuple[Any, ...]]:
    """Look a host up, in a thread: the C library would wait on for its answer."""
    try:
        return worker.run(lambda _: list(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)), report)
    except socket.gaierror as error:
        if error.errno == socket.EAI_AGAIN:
            raise
        said = one_line(error.strerror or str(error)).rstrip(".").lower()
        raise SourceError(f"host '{host}' cannot be found: {said}") from None
