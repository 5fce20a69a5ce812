"""The thread in which the hooks of one plugin are called.

Hooks run outside of the main thread so that one that hangs can be left behind, whatever it hangs in:
signals still reach the runner and the event loop goes on. What can be done to end it is done (`cut`):
its child processes are stopped and an exception is raised in it; code that waits in C for something that
never comes stays behind, as a daemon thread that keeps no process alive.
"""

from __future__ import annotations

import importlib
import os
import signal
import threading
from contextlib import suppress
from contextvars import copy_context
from queue import SimpleQueue
from typing import TYPE_CHECKING

from runnerlib.errors import RunnerError
from runnerlib.executor.local.process_tree import children_of_thread, descendants, send, status

if TYPE_CHECKING:
    from collections.abc import Callable

    from runnerlib.executor.local.process_tree import Status

    Call = Callable[[], object]
    Post = Callable[[object], object]

# Seconds for a thread to end once its processes are gone and the exception waits for it.
_LAST_WAIT = 0.5


class Cut(BaseException):
    """Raised in a hook whose time is over."""


class HookThread:
    """Carries out calls one after the other, from `start` to `close`; `dead` once it takes no more."""

    def __init__(self, name: str) -> None:
        self._calls: SimpleQueue[tuple[Call, Post] | None] = SimpleQueue()
        self._before: set[int] = set()
        self._cut = False
        self._thread = threading.Thread(target=self._run, name=f"plugin {name}", daemon=True)
        try:
            self._thread.start()
        except RuntimeError as error:
            raise RunnerError(f"{name}: its hooks need a thread, and this system starts none: {error}") from None

    @property
    def alive(self) -> bool:
        """Whether the thread is there, at work or not."""
        return self._thread.is_alive()

    def start(self, call: Call, post: Post) -> None:
        """Carry out `call`, which never raises, in the thread; its answer goes to `post`, which is called there."""
        context = copy_context()
        self._before = set(self._children())
        self._calls.put((lambda: context.run(call), post))

    def cut(self, grace: float) -> bool:
        """End what is being carried out, and the thread; whether that worked.

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
        """Take no more calls; the thread ends when it has nothing to do."""
        self._calls.put(None)
        if not self._cut:
            self._thread.join(_LAST_WAIT)

    def _run(self) -> None:
        with suppress(Cut):
            while (given := self._calls.get()) is not None:
                call, post = given
                answer = call()
                with suppress(RuntimeError):  # nobody waits any more: the event loop is closed
                    post(answer)
                if self._cut:
                    return

    def _started(self) -> list[Status]:
        """The processes that the present call has started, and theirs."""
        own = [pid for pid in self._children() if pid not in self._before]
        found = [pid for child in own for pid in (child, *descendants(child))]
        return [seen for pid in found if (seen := status(pid)) is not None and not seen.dead]

    def _children(self) -> list[int]:
        with suppress(NotImplementedError):
            return children_of_thread(f"/proc/{os.getpid()}/task/{self._thread.native_id}")
        return []


def _raise_in(thread: int) -> None:
    """Let `Cut` be raised in a thread as soon as it carries out Python code."""
    ctypes = importlib.import_module("ctypes")  # only what hangs needs it
    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread), ctypes.py_object(Cut))
