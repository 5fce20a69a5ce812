"""A web server for downloads that misbehaves as it is told, one answer after the other."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import ssl


class Answer(NamedTuple):
    """An answer to one request.

    `cut` is after how many bytes of the body the connection ends, `hang` whether it then stays open
    and silent; `ranges` whether a part is given to who asks for one.
    """

    status: int = 200
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes | None = None
    cut: int | None = None
    hang: bool = False
    ranges: bool = True
    etag: str = '"1"'
    length: bool = True


class Server(ThreadingHTTPServer):
    """Gives the answers of `plan`, then plain ones; keeps what was asked in `seen`."""

    daemon_threads = False

    def __init__(self, data: bytes, plan: list[Answer], context: ssl.SSLContext | None, address: str) -> None:
        super().__init__((address, 0), Handler)
        self.data = data
        self.plan = plan
        self.seen: list[tuple[str, dict[str, str]]] = []
        self.asked = threading.Event()
        self.over = threading.Event()
        self.scheme = "https" if context else "http"
        if context is not None:
            self.socket = context.wrap_socket(self.socket, server_side=True)

    def url(self, path: str = "x.tar", userinfo: str = "", host: str = "localhost") -> str:
        """Return a URL of this server."""
        return f"{self.scheme}://{userinfo and userinfo + '@'}{host}:{self.server_address[1]}/{path}"

    def handle_error(self, request: object, client_address: object) -> None:
        """Stay silent when a client hangs up."""


class Handler(BaseHTTPRequestHandler):
    """One request, one answer."""

    server: Server

    def do_CONNECT(self) -> None:
        """Refuse to be a tunnel, as a proxy may."""
        self.server.seen.append((self.path, dict(self.headers)))
        self.send_error(403, "no tunnel")

    def do_GET(self) -> None:
        """Answer as planned."""
        server = self.server
        server.seen.append((self.path, dict(self.headers)))
        server.asked.set()
        answer = server.plan.pop(0) if server.plan else Answer()
        whole = server.data if answer.body is None else answer.body
        start = re.fullmatch(r"bytes=(\d+)-", self.headers["Range"] or "")
        part = start and answer.ranges and answer.status == 200
        if part and self.headers["If-Range"] not in {None, answer.etag}:
            part = None
        at = int(start[1]) if start and part else 0
        self.send_response(206 if part else answer.status)
        if part:
            self.send_header("Content-Range", f"bytes {at}-{len(whole) - 1}/{len(whole)}")
        for name, value in (("ETag", answer.etag), *answer.headers):
            if value:
                self.send_header(name, value)
        body = whole[at:]
        if answer.length:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body if answer.cut is None else body[: answer.cut])
        self.wfile.flush()
        if answer.hang:
            server.over.wait(30)

    def log_message(self, format: str, *args: object) -> None:
        """Log nothing."""


@contextmanager
def serving(
    data: bytes, *plan: Answer, context: ssl.SSLContext | None = None, address: str = "127.0.0.1"
) -> Iterator[Server]:
    """Serve `data` at `address` until the block ends."""
    server = Server(data, list(plan), context, address)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.005})
    thread.start()
    try:
        yield server
    finally:
        server.over.set()
        server.shutdown()
        server.server_close()
        thread.join()
