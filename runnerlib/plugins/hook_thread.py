"""The thread in which the hooks of one plugin are called.

Hooks run outside of the main thread, so that a hook that hangs can be abandoned, whatever it waits for: signals still
reach the runner and the event loop continues. `cut` tries to end such a hook: it stops its child processes and raises
an exception in it. Code that waits in C without end remains as a daemon thread, which keeps no process alive.
"""

from __future__ import annotations

import importlib
import os
import signal
from contextlib import suppress
from contextvars import copy_context
from queue import SimpleQueue
from typing import TYPE_CHECKING

from runnerlib._util.threads import NoThreadError, start_thread
from runnerlib.errors import RunnerError
from runnerlib.executor.local.process_tree import children_of_thread, descendants, send, status

if TYPE_CHECKING:
    from collections.abc import Callable

    from runnerlib._util.proc import ProcessStat

    Call = Callable[[], object]
    Post = Callable[[object], object]

# Seconds for a thread to end once its processes are gone and the exception waits for it.
_LAST_WAIT = 0.5


class Cut(BaseException):
    """Raised in a hook after its time limit."""


class HookThread:
    """A thread that runs calls one after the other, from `start` to `close`."""

    def __init__(self, name: str) -> None:
        self._calls: SimpleQueue[tuple[Call, Post] | None] = SimpleQueue()
        self._before: set[int] = set()
        self._cut = False
        try:
            self._thread = start_thread(self._run, f"plugin {name}")
        except NoThreadError as error:
            said = error.strerror
            raise RunnerError(f"{name}: its hooks need a thread, and this system starts none: {said}") from None

    @property
    def alive(self) -> bool:
        """Return whether the thread exists, busy or idle."""
        return self._thread.is_alive()

    def start(self, call: Call, post: Post) -> None:
        """Run `call`, which never raises, in the thread; `post` gets its result, in the same thread."""
        context = copy_context()
        self._before = set(self._children())
        self._calls.put((lambda: context.run(call), post))

    def cut(self, grace: float) -> bool:
        """End the current call and the thread; return whether that worked.

        Processes that the call has started get TERM and, after `grace` seconds, KILL.
        """
        self._cut = True
        self._calls.put(None)
        if self._thread.ident is not None:
            _raise_in(self._thread.ident)
        for signum, seconds in ((signal.SIGTERM, grace), (signal.SIGKILL, _LAST_WAIT)):
            for process in self._started():
                send(process, signum)
            self._thread.join(seconds if self._started() else min(seconds, _LAST_WAIT))
            if not self._thread.is_alive():
                return True
        return False

    def close(self) -> None:
        """Take no more calls; the thread ends when it is idle."""
        self._calls.put(None)
        if not self._cut:
            self._thread.join(_LAST_WAIT)

    def _run(self) -> None:
        with suppress(Cut):
            while (given := self._calls.get()) is not None:
                call, post = given
                answer = call()
                with suppress(RuntimeError):  # the event loop is closed, so no task waits any more
                    post(answer)
                if self._cut:
                    return

    def _started(self) -> list[ProcessStat]:
        """Return the child processes of the current call, and their descendants."""
        own = [pid for pid in self._children() if pid not in self._before]
        found = [pid for child in own for pid in (child, *descendants(child))]
        return [seen for pid in found if (seen := status(pid)) is not None and not seen.dead]

    def _children(self) -> list[int]:
        with suppress(NotImplementedError):
            return children_of_thread(f"/proc/{os.getpid()}/task/{self._thread.native_id}")
        return []


def _raise_in(thread: int) -> None:
    """Raise `Cut` in a thread as soon as it runs Python code."""
    ctypes = importlib.import_module("ctypes")  # only what hangs needs it
    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread), ctypes.py_object(Cut))
