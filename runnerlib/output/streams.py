"""The two outputs of a console, which are written without ever blocking the event loop or losing a byte.

A reader that is slow, or has stopped reading, must not keep the runner from signals and timers. But
O_NONBLOCK on an inherited descriptor would change it for every process that shares it, so a pipe or a
terminal is opened anew, and a socket is asked for each message.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import select
import socket
import stat
from collections import deque
from contextlib import suppress
from typing import TYPE_CHECKING

from runnerlib._util.system import enlarge
from runnerlib._util.values import NamedTuple
from runnerlib.errors import OutputError

if TYPE_CHECKING:
    from collections.abc import Callable

    Write = Callable[[memoryview], int]
    Stamp = Callable[[bytes, float], bytes]


class Output:
    """Bytes for one descriptor, in order.

    Inside an event loop what cannot be written at once is queued, `congested` turns true, and `drain`
    waits until it is written. Without a loop `write` waits itself. Both raise OutputError when the
    reader is gone or the file cannot grow; it is raised again by every later call.
    """

    def __init__(self, fd: int) -> None:
        self._fd, self._write, self._release = _non_blocking(fd)
        self._pending: deque[memoryview] = deque()
        self._waiting: asyncio.Future[None] | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._error: OutputError | None = None

    @property
    def congested(self) -> bool:
        """True while bytes are queued."""
        return bool(self._pending)

    @property
    def is_terminal(self) -> bool:
        """True if the output is shown on a terminal."""
        return os.isatty(self._fd)

    def write(self, data: bytes) -> None:
        """Write `data`, or queue the part that the descriptor does not accept now."""
        if self._error:
            raise self._error
        if not self._pending:
            rest = self._send(memoryview(data))
            if not rest:
                return
            self._pending.append(rest)
            self._await_room()
        else:
            self._pending.append(memoryview(data))
        if self._loop is None:
            self._flush_blocking()

    def write_line(self, line: bytes) -> None:
        """Write a whole line, which a program looks for, without any change."""
        self.write(line)

    async def drain(self) -> None:
        """Return when nothing is queued any more."""
        if self._pending:
            if self._waiting is None:
                self._waiting = asyncio.get_running_loop().create_future()
            await asyncio.shield(self._waiting)
        if self._error:
            raise self._error

    def give_up(self) -> int:
        """Drop the bytes queued for a reader that does not read, and refuse more; return how many were dropped."""
        lost = sum(len(data) for data in self._pending)
        self._pending.clear()
        self._leave_loop()
        if lost:
            self._error = OutputError(f"cannot write the job's output: its reader has stopped, {lost} bytes are lost")
        return lost

    def close(self) -> None:
        """Close what this output has opened; the descriptor that was given stays open."""
        self._leave_loop()
        self._release()

    def _send(self, data: memoryview) -> memoryview:
        """Write as much as possible without blocking; return the rest."""
        try:
            while data:
                data = data[self._write(data) :]
        except BlockingIOError:
            pass
        except OSError as error:
            self._error = OutputError(f"cannot write the job's output: {_why(error)}")
            self._pending.clear()
            raise self._error from None
        return data

    def _await_room(self) -> None:
        try:
            self._loop = asyncio.get_running_loop()
        except RuntimeError:
            self._loop = None
        else:
            self._loop.add_writer(self._fd, self._on_room)

    def _on_room(self) -> None:
        with suppress(OutputError):  # `drain` raises it
            self._send_pending()
        if self._pending:
            return
        self._leave_loop()
        if self._waiting is not None:
            self._waiting.set_result(None)
            self._waiting = None

    def _leave_loop(self) -> None:
        if self._loop is not None:
            self._loop.remove_writer(self._fd)
            self._loop = None

    def _send_pending(self) -> None:
        while self._pending:
            rest = self._send(self._pending[0])
            if rest:
                self._pending[0] = rest
                return
            self._pending.popleft()

    def _flush_blocking(self) -> None:
        while self._pending:
            _writable(self._fd, timeout=None)
            self._send_pending()


class BestEffort(Output):
    """An output whose loss does no harm, such as lines of the runner: what cannot be written is dropped.

    A reader that is slow is still waited for.
    """

    def __init__(self, made: Callable[[], Output]) -> None:
        """`made` makes the output; where that fails, everything is dropped."""
        self._output: Output | None = None
        with suppress(OutputError):
            self._output = made()

    @property
    def congested(self) -> bool:
        """True while bytes are queued."""
        return self._output is not None and self._output.congested

    @property
    def is_terminal(self) -> bool:
        """True if the output is shown on a terminal."""
        return self._output is not None and self._output.is_terminal

    def write(self, data: bytes) -> None:
        """Write `data`, queue or drop it."""
        with suppress(OutputError):
            if self._output is not None:
                self._output.write(data)

    async def drain(self) -> None:
        """Return when nothing is queued any more."""
        with suppress(OutputError):
            if self._output is not None:
                await self._output.drain()

    def give_up(self) -> int:
        """Drop the queued bytes, and refuse more; return the number of bytes dropped."""
        return 0 if self._output is None else self._output.give_up()

    def close(self) -> None:
        """Close the descriptors that this output has opened."""
        if self._output is not None:
            self._output.close()


class Streams:
    """Stdout and stderr, or the given descriptors; they stay open.

    A console is a subclass: it observes, the rest is here. `joined`: both are one, by choice, so lines of the runner
    do not go on with one of the job. `stamp` puts the time, in seconds since the epoch, before whole lines, where the
    user wants it and the console has to do it.
    """

    def __init__(self, out: Output, err: Output, *, joined: bool = False, stamp: Stamp | None = None) -> None:
        self.out = out
        self.err = err
        self.joined = joined
        self.stamp = stamp

    @property
    def congested(self) -> bool:
        """True while a reader of one of the two is behind."""
        return self.out.congested or self.err.congested

    async def drain(self) -> None:
        """Return when all that was written has gone."""
        await self.out.drain()
        if self.err is not self.out:
            await self.err.drain()

    def give_up(self) -> int:
        """Drop the bytes queued for the readers, and refuse more; return the number of bytes dropped."""
        return self.out.give_up() + (self.err.give_up() if self.err is not self.out else 0)

    def close(self) -> None:
        """Release both descriptors."""
        self.out.close()
        if self.err is not self.out:
            self.err.close()


def streams(stdout: int = 1, stderr: int = 2) -> Streams:
    """The streams of two descriptors. Lines and output keep their order under `2>&1`: that is one queue.

    What stderr does not take is dropped, unless it is the same as stdout. Raises OutputError when stdout is closed.
    """
    out = Output(stdout)
    return Streams(out, out if _lead_to_the_same(stdout, stderr) else BestEffort(lambda: Output(stderr)))


def _lead_to_the_same(stdout: int, stderr: int) -> bool:
    try:
        same = os.path.sameopenfile(stdout, stderr)
    except OSError:
        return False
    return same and _access(stdout) == _access(stderr)


def _access(fd: int) -> int:
    """Return the access mode of a descriptor: read, write or both.

    In the place of a closed stdout there may be one that is only read.
    """
    return fcntl.fcntl(fd, fcntl.F_GETFL) & os.O_ACCMODE


def _why(error: OSError) -> str:
    return "its reader has closed it" if isinstance(error, BrokenPipeError) else str(error.strerror)


class _Way(NamedTuple):
    """Non-blocking access to a descriptor: the one to poll, the write function, and the release of both."""

    fd: int
    write: Write
    release: Callable[[], object]


def _non_blocking(fd: int) -> _Way:
    try:
        mode = os.fstat(fd).st_mode
    except OSError as error:
        raise OutputError(f"cannot write to descriptor {fd}: {error.strerror}") from None
    if stat.S_ISSOCK(mode):
        return _socket(fd)
    if stat.S_ISFIFO(mode) or os.isatty(fd):
        return _reopened(fd)
    return _Way(fd, lambda data: os.write(fd, data), _nothing)  # a file never blocks its writer


def _socket(fd: int) -> _Way:
    connection = socket.socket(fileno=os.dup(fd))
    return _Way(fd, lambda data: connection.send(data, socket.MSG_DONTWAIT), connection.close)


def _reopened(fd: int) -> _Way:
    try:
        own = os.open(f"/proc/self/fd/{fd}", os.O_WRONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    except OSError:  # another user's pipe or terminal, no /proc, or no reader
        return _polled(fd)
    if not os.isatty(own):
        enlarge(own)
    return _Way(own, lambda data: os.write(own, data), lambda: os.close(own))


def _polled(fd: int) -> _Way:
    return _Way(fd, lambda data: _write_when_ready(fd, data), _nothing)


def _nothing() -> None:
    pass


def _write_when_ready(fd: int, data: memoryview) -> int:
    """Write at most PIPE_BUF bytes, if the pipe is writable: POSIX guarantees that this does not block."""
    if not _writable(fd, timeout=0):
        raise BlockingIOError
    return os.write(fd, data[: select.PIPE_BUF])


def _writable(fd: int, timeout: int | None) -> bool:
    poll = select.poll()
    poll.register(fd, select.POLLOUT)
    return bool(poll.poll(timeout))
