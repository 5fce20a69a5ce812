"""A relay on loopback by which libgit2 reaches http servers, so that no redirect leads it to an address inside.

libgit2 follows redirects by itself, those of one host in any case, and looks up names on its own. So it asks the relay,
which connects to addresses that it has checked, by the rules for archives (`_util.http.reach`), verifies certificates,
and tells redirects to the caller instead of passing them on. As a proxy it could not be used: libgit2 1.9 asks servers
of plain http past it, and waits for ever where a certificate is refused behind one.
"""

from __future__ import annotations

import re
import socket
import ssl
from contextlib import suppress
from functools import partial
from select import select
from typing import TYPE_CHECKING, Self

from runnerlib._util.http.connection import Limits
from runnerlib._util.http.proxy import ProxyError, proxy_for
from runnerlib._util.http.reach import RefusedAddressError
from runnerlib._util.http.target import REDIRECTS, Target, UrlError, parse
from runnerlib._util.http.transport import FAILURES, Exchange
from runnerlib._util.threads import TURN, Cancellation, Cancelled, start_thread

if TYPE_CHECKING:
    from runnerlib._util.http.proxy import Proxy
    from runnerlib._util.http.reach import Boundary

ASKED = "/info/refs?service=git-upload-pack"
_HEAD = 1 << 16  # bytes of a head at most
_BLOCK = 1 << 18
_PATIENCE = 1.0  # seconds that a thread has to end; they are daemons
_FAILED = b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
# What is for one connection only; the host is the server's own.
_DROPPED = (b"connection:", b"proxy-", b"keep-alive:", b"host:")
_STATUS = re.compile(rb"HTTP/1\.\d (\d{3})")
_LOCATION = re.compile(rb"(?im)^location:[ \t]*(\S+)\r?$")


class Relay:
    """The relay to the server of one address, while the block lasts: libgit2 asks it at `address`.

    Afterwards `refused` tells why a server was not connected to, `failure` how the network failed, `moved` where the
    server leads. The first server that is reached sets the limit for redirects; the `boundary` keeps it for later
    relays.
    """

    def __init__(self, address: str, boundary: Boundary, timeout: float) -> None:
        """Raises `UrlError` for an address that is no URL of http."""
        self._server = parse(address)
        self._boundary = boundary
        self._timeout = timeout
        self._end = Cancellation()
        self._clients: list[socket.socket] = []
        self.refused = ""
        self.failure = ""
        self.moved: Target | None = None

    def __enter__(self) -> Self:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.settimeout(TURN)
        self.authority = f"127.0.0.1:{self._listener.getsockname()[1]}"
        self.address = f"http://{self.authority}{self._server.path}"
        try:
            self._threads = [start_thread(self._accept, "runnerlib-relay")]
        except BaseException:
            self._listener.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._end.flag[0] = 1
        for one in (self._listener, *self._clients):  # wakes up what waits for them
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for thread in self._threads:
            thread.join(_PATIENCE)

    def _accept(self) -> None:
        with suppress(OSError, Cancelled):
            while True:
                self._end.check()
                with suppress(TimeoutError):
                    client = self._listener.accept()[0]
                    self._clients.append(client)
                    self._threads.append(start_thread(partial(self._serve, client), "runnerlib-relay"))

    def _serve(self, client: socket.socket) -> None:
        """Pass on one request."""
        with client, suppress(OSError, Cancelled):
            try:
                head, rest = self._head(client, b"")
                method, path, _ = head.split(b"\r\n", 1)[0].decode("latin-1").split(" ", 2)
                self._exchange(client, self._server._replace(path=path), (method, head, rest))
            except (RefusedAddressError, ProxyError, UrlError, ValueError) as error:
                self.refused = str(error)
                client.sendall(_FAILED)

    def _exchange(self, client: socket.socket, target: Target, request: tuple[str, bytes, bytes]) -> None:
        """Pass on a request and its answer, unless that is a redirect."""
        method, head, rest = request
        exchange = Exchange(target, Limits(self._timeout, self._end.check), self._boundary)
        at = f"failed to connect to {target.authority}: "
        try:
            exchange.connect()
            server, at = exchange.socket, ""
            server.sendall(_request(head, method, target, proxy_for(target)) + rest)
            self._answer(client, server, target)
        except FAILURES as error:
            self.failure = at + exchange.explain(error)
            client.sendall(_FAILED)
        finally:
            exchange.close()

    def _answer(self, client: socket.socket, server: socket.socket, target: Target) -> None:
        """Send what is left of a request, and bring the answer."""
        while (first := self._received(server, client)) is None:
            pass
        answer, rest = self._head(server, first)
        status, location = _STATUS.match(answer), _LOCATION.search(answer)
        if status and int(status[1]) in REDIRECTS and location:
            self.moved = target.redirected(location[1].decode("utf-8", "replace"))
            client.sendall(_FAILED)
            return
        client.sendall(_closing(answer) + rest)
        while (data := self._received(server, client)) != b"":
            client.sendall(data or b"")

    def _received(self, server: socket.socket, client: socket.socket) -> bytes | None:
        """Return what the server says, None for nothing yet; what the client says is sent to it."""
        self._end.check()
        pending = isinstance(server, ssl.SSLSocket) and server.pending()
        ready = [server] if pending else select((server, client), (), (), TURN)[0]
        if client in ready:
            data = client.recv(_BLOCK)
            if not data:
                raise Cancelled
            server.sendall(data)
        return _available(server) if server in ready else None

    def _head(self, one: socket.socket, data: bytes) -> tuple[bytes, bytes]:
        """Return a head, of which `data` was read before, and what follows it."""
        one.settimeout(TURN)
        limits = Limits(self._timeout, self._end.check)
        limits.expect(self._timeout, "a head")
        while b"\r\n\r\n" not in data:
            more = limits.until(lambda: one.recv(_BLOCK))
            if not more or len(data) > _HEAD:
                raise ConnectionError("connection closed before the head of an answer was whole")
            data += more
        head, _, rest = data.partition(b"\r\n\r\n")
        return head, rest


def _available(server: socket.socket) -> bytes | None:
    """Return what can be read now; TLS may have something to say for itself only."""
    server.settimeout(0)
    try:
        return server.recv(_BLOCK)
    except (BlockingIOError, ssl.SSLWantReadError):
        return None
    finally:
        server.settimeout(TURN)


def _request(head: bytes, method: str, target: Target, proxy: Proxy | None) -> bytes:
    """Return the head of a request for the server itself, or for a proxy; the connection serves this one only."""
    through = proxy if target.scheme == "http" else None
    place = str(target) if through else target.path or "/"
    headers = {"Host": target.authority, "Connection": "close", **(through.login if through else {})}
    added = [f"{name}: {value}".encode() for name, value in headers.items()]
    return b"\r\n".join([f"{method} {place} HTTP/1.1".encode(), *_kept(head), *added, b"", b""])


def _closing(head: bytes) -> bytes:
    """Return the head of an answer that says that no further request can follow on its connection."""
    return b"\r\n".join([head.split(b"\r\n", 1)[0], *_kept(head), b"Connection: close", b"", b""])


def _kept(head: bytes) -> list[bytes]:
    return [line for line in head.split(b"\r\n")[1:] if not line.lower().startswith(_DROPPED)]
