"""One request and its answer, within a deadline for connection, TLS and each byte; looking up the name is not in it."""

from __future__ import annotations

import http.client
import io
import socket
import ssl
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple

from runnerlib.triggers.coordinator.address import PORTS

if TYPE_CHECKING:
    from collections.abc import Mapping
    from email.message import Message

    from runnerlib.triggers.coordinator.address import Address
    from runnerlib.triggers.coordinator.retry import Patience

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


class Timer:
    """The time that is left for one exchange."""

    def __init__(self, patience: Patience, deadline: float) -> None:
        self._clock = patience.clock
        self._end = min(deadline, patience.clock() + patience.attempt)

    def left(self) -> float:
        """Return the seconds left, more than 0. Raises TimeoutError."""
        left = self._end - self._clock()
        if left <= 0:
            raise TimeoutError
        return left


def exchange(method: str, target: Address, body: bytes | None, headers: Mapping[str, str], timer: Timer) -> Answer:
    """Make one request. Raises ExchangeError; redirects are answers like others."""
    sent = False
    connection = None
    try:
        connection = _Connection(target, timer)
        connection.connect()
        sent = True
        connection.request(method, target.path or "/", body, dict(headers))
        answer = connection.getresponse()
        found = answer.read(_LARGEST + 1)
        if len(found) > _LARGEST:
            raise ExchangeError(f"the answer of '{target}' is larger than {_LARGEST} bytes", sent=True)
        return Answer(answer.status, answer.headers, found)
    except (OSError, http.client.HTTPException, UnicodeError) as error:
        raise ExchangeError(f"no answer from '{_server(target)}': {_why(error)}", sent=sent) from None
    finally:
        if connection is not None:
            connection.close()


class _Connection(http.client.HTTPConnection):
    """A connection whose socket never waits longer than the timer allows."""

    def __init__(self, target: Address, timer: Timer) -> None:
        super().__init__(target.host, target.port)
        self.default_port = PORTS[target.scheme]
        self._target = target
        self._timer = timer

    def connect(self) -> None:
        """Connect to the first address of the host that answers, in its share of the time."""
        sock = self._reached()
        try:
            if self._target.scheme == "https":
                sock.settimeout(self._timer.left())
                # The system's authorities, or those that SSL_CERT_FILE and SSL_CERT_DIR name.
                sock = ssl.create_default_context().wrap_socket(sock, server_hostname=self._target.host)
        except BaseException:
            sock.close()
            raise
        self.sock = _Socket(sock, self._timer)

    def _reached(self) -> socket.socket:
        found = socket.getaddrinfo(self._target.host, self._target.port, type=socket.SOCK_STREAM)
        error: OSError | None = None
        for number, (family, kind, protocol, _, where) in enumerate(found):
            sock = socket.socket(family, kind, protocol)
            try:
                sock.settimeout(self._timer.left() / (len(found) - number))
                sock.connect(where)
            except OSError as problem:
                sock.close()
                error = problem
            else:
                return sock
        raise error or OSError(0, "the name has no address")


class _Socket:
    """A socket for http.client; every wait is limited by the time that is left."""

    def __init__(self, sock: socket.socket, timer: Timer) -> None:
        self._sock = sock
        self._timer = timer

    def sendall(self, data: bytes) -> None:
        self._sock.settimeout(self._timer.left())
        self._sock.sendall(data)

    def makefile(self, _mode: str) -> io.BufferedReader:
        return io.BufferedReader(_Reader(self._sock, self._timer))

    def close(self) -> None:
        with suppress(OSError):
            self._sock.close()


class _Reader(io.RawIOBase):
    def __init__(self, sock: socket.socket, timer: Timer) -> None:
        super().__init__()
        self._sock = sock
        self._timer = timer

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        self._sock.settimeout(self._timer.left())
        return self._sock.recv_into(buffer)


def _server(target: Address) -> str:
    return str(target._replace(path=""))


def _why(error: Exception) -> str:
    match error:
        case TimeoutError():
            why = "it took too long"
        case ssl.SSLCertVerificationError():
            why = f"its certificate is not trusted ({error.verify_message}); SSL_CERT_FILE names other authorities"
        case ssl.SSLError():
            why = f"TLS failed ({(error.reason or 'unknown').lower().replace('_', ' ')})"
        case socket.gaierror():
            why = f"its name has no address ({error.strerror})"
        case http.client.RemoteDisconnected():
            why = "it closed the connection"
        case http.client.HTTPException():
            why = f"what it said is no HTTP ({type(error).__name__})"
        case OSError(strerror=str(told)):
            why = told
        case UnicodeError():
            why = "its name is none"
        case _:
            why = "the connection failed"
    return why
