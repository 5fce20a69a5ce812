"""Zygote: a process that has everything loaded which a job needs, and makes agents by forking.

So a job does not wait for a start of Python, nor for the fork: one agent is always ready. The zygote is forked before
the worker has a thread, a connection or the key, and it is in a session of its own, so that a terminal's Ctrl-C reaches
the worker alone.
"""

from __future__ import annotations

import gc
import os
import signal
import socket
import traceback
from contextlib import suppress
from typing import NoReturn

from runnerlib.errors import RunnerError


class Zygote:
    """The worker's end: has an agent ready when a job comes. Ends with the worker."""

    def __init__(self, end: socket.socket, pid: int) -> None:
        self._end = end
        self._pid = pid
        self._ready: socket.socket | None = None

    def agent(self) -> socket.socket:
        """Return the link to an agent: one that was made ahead and has not died since, or a new one.

        Raises RunnerError.
        """
        ready, self._ready = self._ready, None
        if ready is not None and _is_gone(ready):
            ready.close()
            ready = None
        return ready or self._new()

    def prepare(self) -> None:
        """Make the next agent ahead, if there is none: so a job does not wait for it. Raises RunnerError."""
        if self._ready is None:
            self._ready = self._new()

    def _new(self) -> socket.socket:
        mine, its = socket.socketpair()
        try:
            socket.send_fds(self._end, [b"a"], [its.fileno()])
        except OSError as error:
            mine.close()
            raise RunnerError(f"no agent can be started: {error.strerror}") from None
        finally:
            its.close()
        mine.setblocking(False)
        return mine

    def close(self) -> None:
        """Need no further agents; those that run go on."""
        if self._ready is not None:
            self._ready.close()
        self._end.close()
        with suppress(ChildProcessError):
            os.waitpid(self._pid, 0)


def _is_gone(link: socket.socket) -> bool:
    """Return whether nobody is at the other end of a link; an agent says nothing before it has a job."""
    try:
        return not link.recv(1, socket.MSG_PEEK)
    except BlockingIOError:
        return False
    except OSError:
        return True


def start_zygote() -> Zygote:
    """Fork the zygote; to be called while there is one thread, and no secret in this process."""
    mine, its = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    pid = os.fork()
    if pid == 0:
        mine.close()
        _live(its)
    its.close()
    return Zygote(mine, pid)


def _live(end: socket.socket) -> NoReturn:
    try:
        os.setsid()
        signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the kernel takes agents that have ended
        import uvloop  # noqa: F401 - each agent has it then

        from runnerlib.runner.fleet.agent import serve

        gc.freeze()
        while True:
            data, fds, _, _ = socket.recv_fds(end, 1, 1)
            if not data:
                os._exit(0)
            if os.fork() == 0:
                end.close()
                signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                link = socket.socket(fileno=fds[0])
                link.setblocking(False)
                serve(link)
                os._exit(0)
            os.close(fds[0])
    except BaseException:
        traceback.print_exc()
        os._exit(1)
    os._exit(0)
