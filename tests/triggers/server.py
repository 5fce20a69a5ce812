"""A Coordinator made from the contract of its API, on a real socket, with faults on request."""

from __future__ import annotations

import json
import socket
import ssl
import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.triggers.contract import names, refusal, startable

TOKEN, READER = "job-token-4711-submit", "person-token-0815-read"
JOB = "11111111-2222-3333-4444-555555555555"

Fault = Callable[["Handler"], None]
"""An act on one request, instead of an answer or around it."""


class FakeCoordinator(ThreadingHTTPServer):
    """Creates each operation once. `faults` are used up, one a request; `requests` are (path, headers, body).

    `refused` are jobs for which it refuses the whole message, with a status: 400 says nothing more, 403 that a job may
    not do what its parent may not. A job that waits for one which the message has not is taken (201) and never created.
    """

    daemon_threads = False

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.faults: list[Fault] = []
        self.requests: list[tuple[str, dict[str, str], bytes]] = []
        self.operations: dict[str, tuple[bytes, list[str]]] = {}
        self.jobs: list[dict[str, Any]] = []
        self.refused: dict[str, int] = {}
        self.release = threading.Event()
        self.scheme = "http"
        self._lock = threading.Lock()

    @property
    def url(self) -> str:
        return f"{self.scheme}://localhost:{self.server_address[1]}"

    @property
    def created(self) -> list[str]:
        """The names of all jobs that were created, in order."""
        return [job["name"] for job in self.jobs]

    def create(self, body: bytes) -> list[str]:
        message = json.loads(body)
        with self._lock:
            known = self.operations.get(message["operation_id"])
            if known is not None:
                assert known[0] == body, "an operation id was used for another message"
                return known[1]
            graphs = (
                [message["jobs"]] if "workflows" not in message else [flow["jobs"] for flow in message["workflows"]]
            )
            jobs = [job for graph in graphs for job in startable(graph)]
            ids = [str(uuid.uuid4()) for _ in jobs]
            self.operations[message["operation_id"]] = body, ids
            self.jobs += [
                {"job_id": one, "name": job["job_name"], "status": "queued"} for one, job in zip(ids, jobs, strict=True)
            ]
            return ids

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that goes away is what some tests are about."""


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: FakeCoordinator
    timeout = 20

    def do_POST(self) -> None:
        self.body = self.rfile.read(int(self.headers["Content-Length"]))
        self.handle_with_fault(self.submit)

    def do_GET(self) -> None:
        self.body = b""
        self.handle_with_fault(self.find)

    def do_CONNECT(self) -> None:
        """As a proxy, if a fault makes one of it."""
        self.body = b""
        self.handle_with_fault(lambda: self.say(405))

    def handle_with_fault(self, usual: Callable[[], None]) -> None:
        self.server.requests.append((self.path, dict(self.headers), self.body))
        self.usual = usual
        (self.server.faults.pop(0) if self.server.faults else Handler.answered)(self)

    def answered(self) -> None:
        self.usual()

    def submit(self) -> None:
        assert self.path == f"/api/v1/jobs/{JOB}/triggers", self.path
        if self.headers["Authorization"] != f"Bearer {TOKEN}":
            return self.say(401, {"error": "unauthorized", "message": "invalid token"})
        why = refusal(json.loads(self.body)) if self.headers["Content-Type"] == "application/json" else "type"
        if why:  # of what belongs to the coordinator it says as much as of a fault of its own
            return (
                self.say(500, {"error": "internal"}) if why == "reserved key" else self.say(400, b"Invalid input data")
            )
        statuses = [self.server.refused[name] for name in names(json.loads(self.body)) if name in self.server.refused]
        if 400 in statuses:
            return self.say(400, b"Invalid input data")
        if statuses:
            return self.say(statuses[0], {"error": "forbidden", "message": "more than the parent may"})
        ids = self.server.create(self.body)
        return self.say(201, {"created_job_ids": ids, "count": len(ids)})

    def find(self) -> None:
        if self.headers["Authorization"] != f"Bearer {READER}":
            return self.say(403, {"error": "forbidden", "message": "insufficient scope"})
        url = urlsplit(self.path)
        wanted = {name: values[0] for name, values in parse_qs(url.query).items()}
        offset, limit = int(wanted.pop("offset", 0)), min(int(wanted.pop("limit", 20)), 7)
        found = [job for job in self.server.jobs if all(job.get(name) == value for name, value in wanted.items())]
        page = found[offset : offset + limit]
        return self.say(200, {"jobs": page, "total": len(found), "limit": limit, "offset": offset})

    def say(self, status: int, body: dict[str, Any] | bytes = b"", **headers: str) -> None:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def cut(self) -> None:
        self.close_connection = True
        self.connection.shutdown(socket.SHUT_RDWR)

    def log_message(self, format: str, *args: object) -> None:
        """Nothing."""


def status(code: int, body: dict[str, Any] | bytes = b"", **headers: str) -> Fault:
    return lambda handler: handler.say(code, body, **headers)


def cut_before(handler: Handler) -> None:
    """The connection goes before anything is done."""
    handler.cut()


def cut_after(handler: Handler) -> None:
    """The jobs are created and nobody hears of it."""
    handler.server.create(handler.body)
    handler.cut()


def malformed(handler: Handler) -> None:
    """The jobs are created and the answer is nonsense."""
    handler.server.create(handler.body)
    handler.say(201, b"<html>created</html>")


def no_http(handler: Handler) -> None:
    handler.wfile.write(b"220 mail.example ESMTP\r\n")
    handler.cut()


def never(handler: Handler) -> None:
    """No answer until the test is over."""
    handler.server.release.wait(20)
    handler.cut()


def trickling(handler: Handler) -> None:
    """A byte of header at a time: never silent for long, never done."""
    handler.wfile.write(b"HTTP/1.1 201 Created\r\nX-Filler: ")
    while not handler.server.release.wait(0.01):
        try:
            handler.wfile.write(b"x")
            handler.wfile.flush()
        except OSError:
            break
    handler.close_connection = True


def redirect(location: str, code: int = 307) -> Fault:
    return status(code, Location=location)


@contextmanager
def coordinator(tls: ssl.SSLContext | None = None) -> Iterator[FakeCoordinator]:
    """A server that runs."""
    server = FakeCoordinator()
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
        server.scheme = "https"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server
    finally:
        server.release.set()
        server.shutdown()
        thread.join()
        server.server_close()
