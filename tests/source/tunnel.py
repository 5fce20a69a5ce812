"""A real proxy on loopback that makes tunnels (CONNECT), in a thread."""

from __future__ import annotations

import socket
import socketserver
import threading
from contextlib import contextmanager, suppress
from select import select
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


class _Tunnel(socketserver.StreamRequestHandler):
    """One tunnel, until either side has no more to say."""

    def handle(self) -> None:
        words = self.rfile.readline().split()
        while self.rfile.readline().strip():
            pass
        host, _, port = words[1].decode().rpartition(":")
        with suppress(OSError), socket.create_connection((host, int(port))) as server:
            self.connection.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
            others = {server: self.connection, self.connection: server}
            while True:
                for one in select(others, (), ())[0]:
                    data = one.recv(1 << 16)
                    if not data:
                        return
                    others[one].sendall(data)


class _Proxy(socketserver.ThreadingTCPServer):
    daemon_threads = False  # so that closing it waits for every tunnel


@contextmanager
def proxy() -> Iterator[str]:
    """The URL of a proxy that works until the block ends."""
    server = _Proxy(("127.0.0.1", 0), _Tunnel)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.005})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
