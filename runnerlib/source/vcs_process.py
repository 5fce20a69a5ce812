"""Run the client of a version control system: without prompts, leftover processes or visible secrets.

It has a session of its own, so that it finds no terminal for prompts, and a minimal environment. When the caller is
interrupted its whole session is killed, and the kernel kills it when the runner dies by SIGKILL.
"""

from __future__ import annotations

import os
import re
import select
import shutil
import signal
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, NamedTuple

from runnerlib._util.threads import TURN
from runnerlib.errors import SourceError, one_line
from runnerlib.executor.local import _spawn, subreaper
from runnerlib.source.retry import retried
from runnerlib.source.safe_tree import remove_tree
from runnerlib.source.spec import still_wanted
from runnerlib.source.url import scrub

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

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


class _Child(NamedTuple):
    """A running program: its number, its pidfd, the reading end of its output."""

    pid: int
    pidfd: int
    output: int


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
        ended: list[int] = []
        with subreaper.collecting(), _started((self.program, *words), env, stdin, ended) as child:
            said = self._listen(child, report)
        text = scrub(said.decode("utf-8", "replace"), list(self.secrets))
        if ended[0]:
            failure = OutageError if self.outage and re.search(self.outage, text) else SourceError
            raise failure(f"{self.name}: {_reason(text, ended[0])}")
        return text

    def _listen(self, child: _Child, report: Report) -> bytes:
        """Read until the program has ended, even if a process that outlives it keeps the pipe open."""
        events = select.poll()
        events.register(child.output, select.POLLIN)
        events.register(child.pidfd, select.POLLIN)
        said = b""
        began = heard = told = time.monotonic()
        while True:
            ready = {fd for fd, _ in events.poll(min(TURN, _EVERY) * 1000)}
            still_wanted(report)
            if child.output in ready:
                block = os.read(child.output, 1 << 16)
                said = (said + block)[-_KEPT:]
                heard = time.monotonic()
                if not block:
                    events.unregister(child.output)
            elif ready:
                return said
            elif (now := time.monotonic()) - max(heard, told) >= _EVERY:
                told = now
                self._check_life(now - heard)
                report(f"{self.name} has been at work for {now - began:.0f} s")

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


@contextmanager
def _started(argv: Sequence[str], env: Mapping[str, str], stdin: bytes, ended: list[int]) -> Iterator[_Child]:
    """Run a program during the block; `ended` gets its exit code. Leftover processes are killed."""
    output, into = os.pipe()
    given = os.memfd_create("stdin", os.MFD_CLOEXEC)
    try:
        os.write(given, stdin)
        os.lseek(given, 0, os.SEEK_SET)
        words = tuple(map(os.fsencode, argv))
        variables = tuple(os.fsencode(f"{name}={value}") for name, value in env.items())
        pid, pidfd, _ = _spawn.spawn(words[0], words, variables, b"/", input=given, output=into, dies_with_thread=True)
    except BaseException:
        os.close(output)
        raise
    finally:
        os.close(into)
        os.close(given)
    try:
        yield _Child(pid, pidfd, output)
    finally:
        with suppress(ProcessLookupError):
            os.killpg(pid, signal.SIGKILL)  # itself a zombie, if it has ended: its number cannot be another's yet
        os.close(output)
        os.close(pidfd)
        ended.append(_collect(pid))


def _collect(pid: int) -> int:
    try:
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    except ChildProcessError:
        raise SourceError(f"process {pid} was reaped by another part of the program") from None


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
