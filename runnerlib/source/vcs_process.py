"""Run the client of a version control system: without prompts, leftover processes or visible secrets.

Its environment is minimal, and what becomes of its session is up to `executor.local.child`.
"""

from __future__ import annotations

import os
import re
import shutil
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from runnerlib._util.safe_tree import remove_tree
from runnerlib.errors import SourceError, one_line
from runnerlib.executor.local.child import started
from runnerlib.executor.process_spec import ProcessSpec
from runnerlib.source.retry import retried
from runnerlib.source.spec import still_wanted
from runnerlib.source.url import scrub

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from runnerlib.executor.local.child import Child
    from runnerlib.source.spec import Report
    from runnerlib.source.url import Url

# What a client may need of our environment: no secret of the job is among it.
_PASSED_ON = (
    *("PATH", "HOME", "USER", "LOGNAME", "TMPDIR", "SSH_AUTH_SOCK", "SSL_CERT_FILE", "SSL_CERT_DIR"),
    *("http_proxy", "https_proxy", "no_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "ALL_PROXY"),
)
_KEPT = 1 << 16  # bytes of output that are kept: enough to explain an error, and for the answer to a query
_EVERY = 10.0  # seconds between two signs of life
_REASON = 400  # characters


class OutageError(SourceError):
    """The network failed, or the server for now: it may be better next time."""


class Client(NamedTuple):
    """Program of a version control system, and its parameters.

    `name` is its display name, `outage` a pattern of its messages when the network fails (empty for no network).
    `silence` is the number of seconds without output, and without a change in the new tree `made`, before it counts
    as hung; `secrets` never show up in an error.
    """

    name: str
    program: str
    made: Path
    env: Mapping[str, str]
    silence: float = 300.0
    secrets: tuple[str, ...] = ()
    outage: str = ""
    retries: int = 0

    def persist(self, words: Sequence[str], report: Report, stdin: bytes = b"") -> str:
        """Call `run`, and retry network failures with growing delays; `made` is removed before each retry."""
        return retried(
            lambda: self.run(words, report, stdin), OutageError, self.retries, report, lambda: remove_tree(self.made)
        )

    def run(self, words: Sequence[str], report: Report, stdin: bytes = b"") -> str:
        """Run the program and return its output, stdout and stderr together; only the end of it if it is long.

        `stdin` is passed as an unnamed file, which the program can also open as /dev/stdin. Raises `OutageError` when
        the network fails, `SourceError` when it fails otherwise or hangs.
        """
        passed_on = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
        env = {**passed_on, "LC_ALL": "C.UTF-8", **self.env}
        with started(ProcessSpec((self.program, *words), Path("/"), env, stdin)) as child:
            said = self._listen(child, report)
            try:
                code = child.exit_code()
            except ChildProcessError:
                raise SourceError(f"process {child.pid} was reaped by another part of the program") from None
        text = scrub(said.decode("utf-8", "replace"), list(self.secrets))
        if code:
            failure = OutageError if self.outage and re.search(self.outage, text) else SourceError
            raise failure(f"{self.name}: {_reason(text, code)}")
        return text

    def _listen(self, child: Child, report: Report) -> bytes:
        """Read until the program has ended, even if a process that outlives it keeps the pipe open."""
        said = b""
        began = heard = reported = time.monotonic()
        for _, block in child.read(lambda: still_wanted(report), to_end=False):
            now = time.monotonic()
            if block:
                said = (said + block)[-_KEPT:]
                heard = now
            elif now - max(heard, reported) >= _EVERY:
                reported = now
                self._check_life(now - heard)
                report(f"{self.name} has been at work for {now - began:.0f} s")
        return said

    def _check_life(self, quiet: float) -> None:
        if quiet > self.silence and time.time() - _last_change(self.made) > self.silence:
            failure = OutageError if self.outage else SourceError
            raise failure(f"{self.name} has neither said nor written anything for {self.silence:g} s")


def outage_at(url: Url | None, said: str) -> str:
    """Return the pattern `Client.outage` for a repository at `url`; `said` matches the client's network errors.

    A refused connection to this machine itself does not count, since waiting does not change it.
    """
    if url is None or url.scheme == "file":
        return ""
    return said if url.host.startswith(("127.", "localhost", "[::1]")) else f"{said}|Connection refused"


def find(name: str, kind: str, package: str) -> str:
    """The path of the program `name`. Raises `SourceError`, with the way to install it, when it is missing."""
    path = shutil.which(name)
    if path is None:
        raise SourceError(
            f"source type '{kind}' needs the program '{name}', which is not installed "
            f"(Debian and Ubuntu: apt-get install {package})"
        )
    return path


def _reason(text: str, code: int) -> str:
    """Return why a client failed, from the end of its output."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    said = [line.partition(": ")[2] for line in lines if line.startswith(("abort: ", "svn: E", "remote: "))]
    text = "; ".join(said[-3:] or lines[-2:]) or f"it ended with {code} and said nothing"
    return one_line(text)[:_REASON].rstrip(".")


def _last_change(top: Path) -> float:
    """Return the time of the last change below `top`, in seconds since 1970; 0 if it is empty."""
    newest = 0.0
    todo = [str(top)]
    while todo:
        with suppress(OSError), os.scandir(todo.pop()) as entries:
            for entry in entries:
                newest = max(newest, entry.stat(follow_symlinks=False).st_mtime)
                if entry.is_dir(follow_symlinks=False):
                    todo.append(entry.path)
    return newest
