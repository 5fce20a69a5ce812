"""A real smart-HTTP git server on loopback: `git http-backend` behind http.server, in a thread.

`/git/<name>` serves the repository `<root>/<name>`; `/auth/<name>` serves it to who knows `TOKEN`;
`/moved/<port>/<rest>` redirects to `http://127.0.0.1:<port>/<rest>`, `/moved/<host>:<port>/<rest>` to that host.
"""

from __future__ import annotations

import base64
import gzip
import os
import subprocess
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Iterator
    from pathlib import Path

PATH = os.environ["PATH"]  # a test may hide git from the tested side
TOKEN = "t0ken/with@odd:chars"  # needs percent-encoding inside a URL
QUOTED = "t0ken%2Fwith%40odd%3Achars"


class Server(ThreadingHTTPServer):
    """Serves `root`; keeps every request's path and Authorization header in `seen`, calls `before` first."""

    daemon_threads = False  # so that closing the server waits for every connection

    def __init__(self, root: Path, context: ssl.SSLContext | None = None, address: str = "127.0.0.1") -> None:
        super().__init__((address, 0), Handler)
        self.root = root
        self.seen: list[tuple[str, str | None]] = []
        self.bodies: list[bytes] = []
        self.failing = 0  # requests that get no answer
        self.special: Callable[[str], tuple[str, bytes] | None] = lambda path: None
        self.before: Callable[[str], None] = lambda method: None
        if context is not None:
            self.socket = context.wrap_socket(self.socket, server_side=True)

    @property
    def port(self) -> int:
        """The port the kernel chose."""
        return int(self.server_address[1])

    def url(self, path: str, userinfo: str = "") -> str:
        """Return the http URL of `path`, with `userinfo` in front of the host."""
        return f"http://{userinfo and userinfo + '@'}{self.server_address[0]!s}:{self.port}/{path}"

    def handle_error(self, request: object, client_address: object) -> None:
        """Stay silent when a client hangs up: some tests make it."""


class Handler(BaseHTTPRequestHandler):
    """One request: check the token, then hand over to git."""

    protocol_version = "HTTP/1.1"
    server: Server

    def do_GET(self) -> None:
        """Serve the advertisement."""
        self.serve(b"")

    def do_POST(self) -> None:
        """Serve a negotiation round."""
        body = self.body()
        packed = self.headers["Content-Encoding"] == "gzip"
        self.server.bodies.append(gzip.decompress(body) if packed else body)
        self.serve(body)

    def serve(self, body: bytes) -> None:
        """Answer with a redirect, a challenge or what git says."""
        self.server.before(self.command)
        self.server.seen.append((self.path, self.headers["Authorization"]))
        if self.server.failing > 0:
            self.server.failing -= 1
            self.close_connection = True
            return
        special = self.server.special(self.path)
        if special is not None:
            self.answer(200, {"Content-Type": special[0]}, special[1])
            return
        prefix, rest = self.path[1:].split("/", 1)
        if prefix == "moved":
            server, rest = rest.split("/", 1)
            server = server if ":" in server else f"127.0.0.1:{server}"
            self.answer(302, {"Location": f"http://{server}/{rest}"}, b"")
        elif prefix == "auth" and not self.known():
            self.answer(401, {"WWW-Authenticate": 'Basic realm="git"'}, b"")
        else:
            self.run_git(rest, body)

    def known(self) -> bool:
        """Tell whether the request carries the token as its password."""
        given = (self.headers["Authorization"] or "").removeprefix("Basic ")
        return base64.b64decode(given).partition(b":")[2] == TOKEN.encode()

    def body(self) -> bytes:
        """Read the request's body, chunked or not."""
        if self.headers["Transfer-Encoding"] != "chunked":
            return self.rfile.read(int(self.headers["Content-Length"] or 0))
        parts = []
        while size := int(self.rfile.readline(), 16):
            parts.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(parts)

    def run_git(self, rest: str, body: bytes) -> None:
        """Run `git http-backend` as a CGI program."""
        path, _, query = rest.partition("?")
        env = {
            "PATH": PATH,
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_HTTP_EXPORT_ALL": "1",
            "GIT_PROJECT_ROOT": str(self.server.root),
            "PATH_INFO": f"/{path}",
            "QUERY_STRING": query,
            "REQUEST_METHOD": self.command,
            "CONTENT_TYPE": self.headers["Content-Type"] or "",
            "CONTENT_LENGTH": str(len(body)),
            "HTTP_CONTENT_ENCODING": self.headers["Content-Encoding"] or "",
        }
        done = subprocess.run(["git", "http-backend"], env=env, input=body, capture_output=True, check=False)
        head, _, content = done.stdout.partition(b"\r\n\r\n")
        headers = dict(line.split(": ", 1) for line in head.decode().split("\r\n"))
        self.answer(int(headers.pop("Status", "200").split()[0]), headers, content)

    def answer(self, status: int, headers: dict[str, str], content: bytes) -> None:
        """Send one whole response."""
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:
        """Log nothing."""


@contextmanager
def serving(root: Path, context: ssl.SSLContext | None = None, address: str = "127.0.0.1") -> Iterator[Server]:
    """Serve `root` at `address` until the block ends."""
    server = Server(root, context, address)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.005})
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
