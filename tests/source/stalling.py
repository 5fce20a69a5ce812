"""A relay in front of a real server, which stops in the middle of an answer."""

from __future__ import annotations

import selectors
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager


class Stall:
    """Passes everything on until a client has said `mark`; after `budget` more bytes nothing, and no connection ends.

    `reached` is set when that is so.
    """

    def __init__(self, backend: int, mark: bytes, budget: int) -> None:
        self.reached = threading.Event()
        self._backend = backend
        self._mark = mark
        self._budget = budget
        self._armed = False
        self._heard = b""
        self._other: dict[socket.socket, socket.socket] = {}
        self._clients: set[socket.socket] = set()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._wake, self.end = socket.socketpair()
        self._events = selectors.DefaultSelector()
        self.port: int = self._listener.getsockname()[1]

    def run(self) -> None:
        """Relay until somebody writes to `end`; then hang up."""
        for known in (self._listener, self._wake):
            self._events.register(known, selectors.EVENT_READ)
        while True:
            for key, _ in self._events.select():
                if key.fileobj is self._wake:
                    for known in self._other:
                        known.close()
                    return
                if key.fileobj is self._listener:
                    self._accept()
                elif key.fileobj in self._other:
                    self._pass_on(key.fileobj)  # type: ignore[arg-type]

    def close(self) -> None:
        """Close everything."""
        self._events.close()
        for known in (self._listener, self._wake, self.end, *self._other):
            known.close()

    def _accept(self) -> None:
        client = self._listener.accept()[0]
        server = socket.create_connection(("127.0.0.1", self._backend))
        self._clients.add(client)
        self._other |= {client: server, server: client}
        for known in (client, server):
            self._events.register(known, selectors.EVENT_READ)

    def _pass_on(self, source: socket.socket) -> None:
        other = self._other[source]
        try:
            block = source.recv(1 << 12)
            if source in self._clients:
                self._heard = (self._heard + block)[-(1 << 13) :]
                self._armed = self._armed or self._mark in self._heard
            elif self._armed:
                block, more = block[: self._budget], len(block) > self._budget
                self._budget -= len(block)
                if more:
                    self._events.unregister(source)  # from here on it is silent
                    other.sendall(block)
                    self.reached.set()
                    return
            other.sendall(block)
        except OSError:
            block = b""
        if not block:
            for known in (source, other):
                del self._other[known]
                if known in self._events.get_map():
                    self._events.unregister(known)
                known.close()


@contextmanager
def stalling(backend: int, mark: bytes, budget: int) -> Iterator[Stall]:
    """A relay in front of the server at port `backend` of this machine."""
    stall = Stall(backend, mark, budget)
    thread = threading.Thread(target=stall.run)
    thread.start()
    try:
        yield stall
    finally:
        stall.end.send(b".")
        thread.join()
        stall.close()
