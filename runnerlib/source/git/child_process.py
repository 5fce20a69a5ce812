"""Run one git process: collect its output, report its progress, and end it when it hangs.

The process leads a session of its own and dies with the thread that started it, even by SIGKILL; any exception here
kills it and all that it started.
"""

from __future__ import annotations

import os
import select
import signal
from contextlib import contextmanager, suppress
from time import monotonic
from typing import TYPE_CHECKING, NamedTuple

from runnerlib.errors import SourceError
from runnerlib.executor.local import _spawn, subreaper
from runnerlib.executor.local.stdio import memory

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

_TURN = 0.2  # seconds between checks of the clock and of cancellation
_MOST = 1 << 16  # bytes of messages that are kept


class Ended(NamedTuple):
    """Result of a process: its exit code (128 and more: killed by a signal), stdout, and the end of stderr."""

    code: int
    output: bytes
    errors: bytes
    stalled: bool = False


def run(
    argv: Sequence[str],
    env: Mapping[str, str],
    directory: str,
    heard: Callable[[bytes], None],
    *,
    timeout: float,
    given: bytes = b"",
    secret: bytes = b"",
    wanted: Callable[[], None] = lambda: None,
) -> Ended:
    """Run `argv` (its first word a path) in `directory` with `given` on stdin and `secret` as descriptor 3.

    `heard` gets what stderr says, as it comes. A process that says nothing for `timeout` seconds is
    killed, as is one that `wanted` raises an exception about: it is called several times a second. Raises
    OSError when it cannot be started, SourceError when another part of the program has collected it.
    """
    with (
        subreaper.collecting(),
        _input(given) as source,
        _extra(secret) as extra,
        _pipe() as (output, output_end),
        _pipe() as (errors, errors_end),
    ):
        words = tuple(map(os.fsencode, argv))
        variables = tuple(os.fsencode(f"{name}={value}") for name, value in env.items())
        pid, ended, _ = _spawn.spawn(
            words[0],
            words,
            variables,
            os.fsencode(directory),
            input=source,
            output=output_end.fd,
            errors=errors_end.fd,
            extra=extra,
            dies_with_thread=True,
        )
        try:
            output_end.close()
            errors_end.close()
            said, told, stalled = _listen(output.fd, errors.fd, heard, timeout, wanted)
            if not stalled:
                return Ended(_collect(pid), said, told)
        finally:
            _kill(pid, ended)
    return Ended(128 + signal.SIGKILL, said, told, stalled=True)


class _End:
    """One end of a pipe, closed once."""

    def __init__(self, fd: int) -> None:
        self.fd = fd

    def close(self) -> None:
        if self.fd >= 0:
            os.close(self.fd)
            self.fd = -1


@contextmanager
def _pipe() -> Iterator[tuple[_End, _End]]:
    """A pipe whose ends are closed when the block is left."""
    reading, writing = map(_End, os.pipe2(os.O_CLOEXEC))
    try:
        yield reading, writing
    finally:
        reading.close()
        writing.close()


@contextmanager
def _input(given: bytes) -> Iterator[int]:
    """A descriptor that reads `given`."""
    fd = memory("stdin", given) if given else os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)
    try:
        yield fd
    finally:
        os.close(fd)


@contextmanager
def _extra(secret: bytes) -> Iterator[int]:
    """A descriptor of a file that only the process and its descendants can read; -1 for no content."""
    fd = memory("credentials", secret) if secret else -1
    try:
        yield fd
    finally:
        if fd >= 0:
            os.close(fd)


def _listen(
    output: int, errors: int, heard: Callable[[bytes], None], timeout: float, wanted: Callable[[], None]
) -> tuple[bytes, bytes, bool]:
    """Read both to their ends; the last value is true when nothing came for `timeout` seconds."""
    said, told = bytearray(), bytearray()
    poll = select.poll()
    open_ones = {output, errors}
    for fd in open_ones:
        poll.register(fd, select.POLLIN)
    last = monotonic()
    while open_ones:
        wanted()
        ready = poll.poll(min(_TURN, timeout) * 1000)
        if ready:
            last = monotonic()
        elif monotonic() - last >= timeout:
            return bytes(said), bytes(told), True
        for fd, _ in ready:
            block = os.read(fd, 1 << 16)
            if not block:
                poll.unregister(fd)
                open_ones.remove(fd)
            elif fd == output:
                said += block
            else:
                told += block
                del told[:-_MOST]
                heard(block)
    return bytes(said), bytes(told), False


def _collect(pid: int) -> int:
    """Wait for the process and return its exit code; it stays collectable, so that its number stays its own."""
    try:
        found = os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
    except ChildProcessError:
        raise SourceError(f"git (process {pid}) was reaped by another part of the program") from None
    assert found is not None  # noqa: S101 - only WNOHANG makes it None
    return found.si_status if found.si_code == os.CLD_EXITED else 128 + found.si_status


def _kill(pid: int, ended: int) -> None:
    """Kill the rest of the session, and collect its leader."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)
    with suppress(ChildProcessError):
        os.waitpid(pid, 0)
    os.close(ended)
