"""Parts shared by the tests of hg and svn: repositories' servers, and a look at what a client is told."""

from __future__ import annotations

import base64
import hashlib
import http.client
import os
import shutil
import socket
import struct
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from tests.tools import tool

SECRET = "s3cret/with@odd:chars"
QUOTED = "s3cret%2Fwith%40odd%3Achars"
PLAIN = {"PATH": os.environ["PATH"], "HOME": "/dev/null/home", "LC_ALL": "C.UTF-8"}


def client(*words: object, where: Path | None = None) -> str:
    """Run a client that is told nothing by its user's configuration."""
    env = {**PLAIN, "HGRCPATH": "", "HGUSER": "t"}
    tool(str(words[0]))
    done = subprocess.run(list(map(str, words)), cwd=where, env=env, check=True, capture_output=True, text=True)
    return done.stdout.strip()


def spied_on(name: str, room: Path) -> tuple[Path, str]:
    """A file that gets the words and the environment of every call of the client, and the PATH to have it so."""
    real, directory, log = tool(name), room / "spy", room / f"{name}.log"
    directory.mkdir()
    (directory / name).write_text(f'#!/bin/sh\n{{ echo "$0 $*"; env; }} >> {log}\nexec {real} "$@"\n')
    (directory / name).chmod(0o755)
    return log, f"{directory}:{os.environ['PATH']}"


@contextmanager
def hg_serve(repository: Path) -> Iterator[str]:
    """Serve a Mercurial repository over http; yields host:port."""
    words = [tool("hg"), "serve", "-R", str(repository), "-a", "127.0.0.1", "-p", "0", "--print-url"]
    env = {**PLAIN, "HGRCPATH": ""}
    with subprocess.Popen(words, env=env, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as server:
        try:
            assert server.stdout is not None
            port = server.stdout.readline().strip().rstrip("/").rpartition(":")[2]
            yield f"127.0.0.1:{port}"
        finally:
            server.terminate()


class Gate(ThreadingHTTPServer):
    """Lets requests pass to `backend` (host:port) that know the password; `/away/…` redirects to host `elsewhere`."""

    daemon_threads = False

    def __init__(self, backend: str) -> None:
        super().__init__(("127.0.0.1", 0), _GateHandler)
        self.backend = backend
        self.elsewhere = ""
        self.faults: list[str] = []
        self.faulty = ""  # what a request line has to hold for a fault
        self.seen: list[str | None] = []


class _GateHandler(BaseHTTPRequestHandler):
    server: Gate

    def do_GET(self) -> None:
        """Check, then pass on."""
        given = self.headers["Authorization"]
        self.server.seen.append(given)
        if self.server.faults and self.server.faulty in self.requestline:
            self.fail(self.server.faults.pop(0))
        elif self.server.elsewhere:
            self.send_response(302)
            self.send_header("Location", f"http://{self.server.elsewhere}{self.path}")
            self.end_headers()
        elif given != "Basic " + base64.b64encode(f"me:{SECRET}".encode()).decode():
            self.send_response(401)
            self.send_header("WWW-Authenticate", 'Basic realm="x"')
            self.send_header("Content-Length", "0")
            self.end_headers()
        else:
            self.forward()

    do_POST = do_OPTIONS = do_PROPFIND = do_REPORT = do_GET  # noqa: N815 - the names of the library

    def fail(self, fault: str) -> None:
        """A status; or a connection that is reset, closed, or cut in the middle of what the server behind says."""
        self.close_connection = True
        if fault.isdigit():
            self.send_response(int(fault))
            self.send_header("Content-Length", "0")
            self.end_headers()
        elif fault == "reset":
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        elif fault == "cut":
            self.forward(cut=True)

    def forward(self, *, cut: bool = False) -> None:
        """Answer with what the server behind says."""
        body = self.rfile.read(int(self.headers["Content-Length"] or 0))
        connection = http.client.HTTPConnection(self.server.backend)
        passed = {k: v for k, v in self.headers.items() if k not in {"Host", "Authorization", "Connection"}}
        connection.request(self.command, self.path, body or None, passed)
        answer = connection.getresponse()
        content = answer.read()
        connection.close()
        self.send_response(answer.status)
        for name, value in answer.getheaders():
            if name not in {"Transfer-Encoding", "Content-Length", "Connection"}:
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content[: len(content) // 2] if cut else content)

    def log_message(self, format: str, *args: object) -> None:
        """Log nothing."""


@contextmanager
def gate(backend: str) -> Iterator[Gate]:
    """A gate before a server."""
    server = Gate(backend)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


APACHE = """
ServerName localhost
ServerRoot {room}
Listen 127.0.0.1:{port}
PidFile {room}/pid
ErrorLog {room}/error.log
{user}
{modules}
StartServers 1
ServerLimit 2
ThreadsPerChild 8
ThreadLimit 8
MaxRequestWorkers 16
<Location /open>
  DAV svn
  SVNPath {repository}
</Location>
<Location /shut>
  DAV svn
  SVNPath {repository}
  AuthType Basic
  AuthName x
  AuthUserFile {room}/users
  Require valid-user
</Location>
"""
MODULES = "mpm_event authn_core authn_file authz_core authz_user auth_basic dav dav_svn"


@contextmanager
def svn_serve(repository: Path) -> Iterator[str]:
    """Serve a copy of a Subversion repository by Apache at /open, and at /shut with a password; yields host:port."""
    apache = tool("apache2")
    room = Path(tempfile.mkdtemp(prefix="apache-"))
    try:
        room.chmod(0o755)
        shutil.copytree(repository, room / "repository")
        with socket.create_server(("127.0.0.1", 0)) as probe:
            port = probe.getsockname()[1]
        root = Path(apache).parents[1] / "lib/apache2/modules"
        modules = "\n".join(f"LoadModule {name}_module {root}/mod_{name}.so" for name in MODULES.split())
        user = "User www-data\nGroup www-data" if os.getuid() == 0 else ""
        digest = base64.b64encode(hashlib.sha1(SECRET.encode()).digest()).decode()
        (room / "users").write_text(f"me:{{SHA}}{digest}\n")
        (room / "conf").write_text(
            APACHE.format(room=room, port=port, user=user, modules=modules, repository=room / "repository")
        )
        words = [apache, "-f", str(room / "conf"), "-DFOREGROUND"]
        with subprocess.Popen(words, env=PLAIN, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as server:
            try:
                await_port(port, server)
                yield f"127.0.0.1:{port}"
            finally:
                server.terminate()
    finally:
        shutil.rmtree(room)


def await_port(port: int, server: subprocess.Popen[bytes]) -> None:
    """Return when somebody listens there."""
    while server.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
        except ConnectionRefusedError:
            os.sched_yield()
        else:
            return
    raise AssertionError("the server has ended")
