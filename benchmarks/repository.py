"""A repository like those that people work in: many small texts, a long history; and a server for it."""

from __future__ import annotations

import os
import random
import shutil
import signal
import socket
import subprocess
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

GIT = {
    "PATH": os.environ["PATH"],
    "HOME": "/nonexistent",
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_TERMINAL_PROMPT": "0",
}
_CHANGED = 8  # files in a commit


class Repository:
    """A bare repository at `path`; `commit` adds to its branch `main`, the same bytes in every run."""

    def __init__(self, path: Path, files: int, commits: int) -> None:
        self.path = path
        self._random = random.Random(20_000)
        self._words = [f"{self._random.choice('abcdefghijklmnop')}{self._random.randrange(9999)}" for _ in range(4000)]
        self._names = [f"d{n % 40}/e{n % 400 // 40}/f{n}.txt" for n in range(files)]
        self._time = 1_700_000_000
        git(path.parent, "init", "-q", "--bare", "-b", "main", path.name)
        for setting in ("uploadpack.allowAnySHA1InWant=true", "gc.auto=0", "receive.autogc=false"):
            git(path, "config", *setting.split("="))
        self._import([self._names, *(self._some() for _ in range(commits - 1))])
        git(path, "repack", "-adq")

    def commit(self) -> str:
        """Add a commit that changes a few files; return its id."""
        self._import([self._some()])
        return git(self.path, "rev-parse", "main")

    def _some(self) -> list[str]:
        return self._random.sample(self._names, min(_CHANGED, len(self._names)))

    def _import(self, commits: list[list[str]]) -> None:
        """Make commits that write these files anew."""
        command = ["git", "fast-import", "--quiet"]
        with subprocess.Popen(command, cwd=self.path, env=GIT, stdin=subprocess.PIPE) as run:
            assert run.stdin is not None
            for number, names in enumerate(commits):
                self._time += 60
                run.stdin.write(b"commit refs/heads/main\ncommitter a <a@b> %d +0000\ndata 1\nc\n" % self._time)
                if number == 0 and self._time > 1_700_000_060:
                    run.stdin.write(b"from refs/heads/main^0\n")
                for name in names:
                    body = self._text()
                    run.stdin.write(b"M 100644 inline %s\ndata %d\n%s\n" % (name.encode(), len(body), body))
        assert run.returncode == 0

    def _text(self) -> bytes:
        """Lines of words; half of the files are shorter than 4 KB, a few have 30."""
        lines = min(int(self._random.lognormvariate(4.2, 1.0)) + 1, 700)
        return b"".join(" ".join(self._random.choices(self._words, k=8)).encode() + b"\n" for _ in range(lines))


def git(where: Path, *words: str) -> str:
    """Run git in `where`; return what it says."""
    return subprocess.run(
        ["git", *words], cwd=where, env=GIT, check=True, stdout=subprocess.PIPE, text=True
    ).stdout.strip()


@contextmanager
def serving(root: Path) -> Iterator[str | None]:
    """Serve the repositories in `root` over smart HTTP; yield the URL, None without lighttpd."""
    server = shutil.which("lighttpd", path=f"{os.environ['PATH']}:/usr/sbin")
    if server is None:
        yield None
        return
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    backend = subprocess.run(["git", "--exec-path"], check=True, capture_output=True, text=True).stdout.strip()
    configuration = root / "lighttpd.conf"
    configuration.write_text(
        f'server.modules = ("mod_alias", "mod_cgi", "mod_setenv")\nserver.document-root = "{root}"\n'
        f'server.bind = "127.0.0.1"\nserver.port = {port}\nserver.stream-response-body = 2\n'
        f'server.upload-dirs = ("{root}")\nalias.url = ("/git" => "{backend}/git-http-backend")\n'
        'cgi.assign = ("" => "")\n'
        f'setenv.add-environment = ("GIT_PROJECT_ROOT" => "{root}", "GIT_HTTP_EXPORT_ALL" => "1")\n'
    )
    run = subprocess.Popen([server, "-D", "-f", str(configuration)], env=GIT, stderr=subprocess.DEVNULL)
    try:
        _await(port)
        yield f"http://127.0.0.1:{port}/git"
    finally:
        run.send_signal(signal.SIGTERM)
        run.wait()


def _await(port: int) -> None:
    """Wait until somebody listens."""
    for _ in range(500):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.01)
    raise AssertionError("lighttpd does not listen")
