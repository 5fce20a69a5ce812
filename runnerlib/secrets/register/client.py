"""The client: a job's requests to its runner, and their results."""

from __future__ import annotations

import errno
import json
import os
import socket
import struct
import time
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

VARIABLE = "REACTORCIDE_SECRETS_SOCKET"
LARGEST = 1 << 20  # bytes of a request, as in runnerlib.secrets.socket.Limits


class Registration(NamedTuple):
    """Result of a registration: how many values are now masked, and why not all; '' when they are."""

    hidden: int
    problem: str

    @property
    def ok(self) -> bool:
        """True if every value is masked from now on."""
        return not self.problem


def register(
    values: Iterable[str | bytes], socket_path: str | os.PathLike[str] | None = None, timeout: float = 5.0
) -> Registration:
    """Register `values` and return the result. `timeout` is in seconds, for each MiB of them.

    Without `socket_path`, the runner is the one that REACTORCIDE_SECRETS_SOCKET names. Problems with
    the runner raise nothing; the first one ends the registration. Empty values count as not hidden, the
    others are registered all the same. Lone surrogates are bytes, as in `os.environ`.
    """
    given = [_text(value) for value in values]
    path = os.fspath(socket_path or os.environ.get(VARIABLE, ""))
    hidden = 0
    for batch in _batches(filter(None, given)):
        done = _register(batch, path, timeout)
        hidden += done.hidden
        if done.problem:
            return Registration(hidden, done.problem)
    return Registration(hidden, _shortfall(given, hidden))


def register_secrets(
    values: Iterable[str | bytes], socket_path: str | os.PathLike[str] | None = None, timeout: float = 5.0
) -> bool:
    """Register `values` with the runner, and return whether all of them are masked from now on.

    Without a runner the result is False. `register` returns the reason.
    """
    return register(values, socket_path, timeout).ok


def register_secret(
    value: str | bytes, socket_path: str | os.PathLike[str] | None = None, timeout: float = 5.0
) -> bool:
    """Register `value` with the runner, and return whether it is masked from now on.

    Without a runner the result is False. `register` returns the reason.
    """
    return register([value], socket_path, timeout).ok


# The names of Reactorcide's client.
register_secret_via_socket = register_secret
register_secrets_via_socket = register_secrets


def _text(value: str | bytes) -> str:
    return value if isinstance(value, str) else bytes(value).decode("utf-8", "surrogateescape")


def _shortfall(given: list[str], hidden: int) -> str:
    if hidden == len(given):
        return ""
    empty = given.count("")
    why = [f"{count} {what}" for count, what in ((empty, "empty"), (len(given) - empty - hidden, "too short")) if count]
    return f"{len(given) - hidden} of {len(given)} values cannot be masked: {', '.join(why)}"


def _batches(values: Iterable[str]) -> Iterator[list[str]]:
    """Yield requests as JSON texts of strings; the runner refuses a value that is too large for one."""
    batch: list[str] = []
    room = 0
    for value in map(json.dumps, values):  # ASCII, so that characters are bytes
        room -= len(value) + 1
        if room < 0:
            if batch:
                yield batch
            batch, room = [], LARGEST - 100 - len(value)
        batch.append(value)
    if batch:
        yield batch


def _register(batch: list[str], path: str, timeout: float) -> Registration:
    if not path:
        return Registration(0, f"there is no runner to register with: {VARIABLE} is not set")
    body = f'{{"action": "register", "secrets": [{",".join(batch)}]}}'.encode()
    try:
        reply = _exchange(path, struct.pack(">I", len(body)) + body, time.monotonic() + timeout)
    except (TimeoutError, BlockingIOError):
        return Registration(0, f"the runner at '{path}' did not answer within {timeout:g} s")
    except OSError as error:
        if error.errno in {errno.ENOENT, errno.ECONNREFUSED}:
            return Registration(0, f"no runner listens at '{path}'")
        return Registration(0, f"cannot talk to the runner at '{path}': {error.strerror or error}")
    return _judge(reply, batch)


def _exchange(path: str, message: bytes, deadline: float) -> bytes:
    """Send a request and return the reply; `deadline` is a time of `time.monotonic`. Raises OSError."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        _connect(connection, path, deadline)
        connection.settimeout(_left(deadline))
        with suppress(BrokenPipeError, ConnectionResetError):  # refused before it was read; the reply says why
            connection.sendall(message)
        reply = b""
        while not reply.endswith(b"\n") and len(reply) < 4096:
            connection.settimeout(_left(deadline))
            piece = connection.recv(4096)
            if not piece:
                break
            reply += piece
        return reply


def _connect(connection: socket.socket, path: str, deadline: float) -> None:
    """Connect, waiting for a place in the runner's queue. Raises OSError."""
    connected = False
    while not connected:
        # With a timeout of Python's, connect would fail at once while the queue is full.
        seconds, fraction = divmod(_left(deadline), 1)
        timeout = struct.pack("ll", int(seconds), int(fraction * 1e6) + 1)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, timeout)
        connection.connect(path)
        try:
            connection.getpeername()
            connected = True
        except OSError as error:
            # A signal interrupted the wait. Python takes that for a connection in progress, as it is with TCP.
            if error.errno != errno.ENOTCONN:
                raise


def _left(deadline: float) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return left


def _judge(reply: bytes, batch: list[str]) -> Registration:
    """Evaluate the runner's reply to a batch; the reply of Reactorcide's runner has no `masked`."""
    text = reply.decode("ascii", "replace").strip()
    if text.startswith("ERROR: "):
        # No runner repeats a value, but another program may listen there.
        shown = text.isprintable() and len(text) < 200 and not any(value[1:-1] in text for value in batch)
        return Registration(0, f"the runner refused: {text.removeprefix('ERROR: ') if shown else 'no reason given'}")
    try:
        answer = json.loads(text)
        accepted = answer["status"] == "ok" and answer["registered"] == len(batch)
        hidden = int(answer.get("masked", len(batch)))
    except (ValueError, TypeError, KeyError, AttributeError):
        return Registration(0, "the runner gave no answer" if not text else "the runner's answer is not understood")
    return Registration(hidden, "" if accepted else "the runner did not accept every value")
