"""Run blocking C code in a thread, so that a signal handler's exception reaches the caller unchanged.

Python runs signal handlers in the main thread, between bytecodes. When that thread is inside libgit2, the first
bytecode it meets is the entry of pygit2's own callback wrapper, where cffi prints and swallows the exception (tried:
the clone goes on to its end). So libgit2 gets a thread of its own, and the caller waits for it in Python, where
exceptions propagate.
"""

from __future__ import annotations

import math
import time
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, TypeVar

from runnerlib._util.threads import TURN, BlockingCall, Cancellation, NoThreadError
from runnerlib.errors import SourceError
from runnerlib.source.spec import still_wanted

if TYPE_CHECKING:
    from collections.abc import Callable

    from runnerlib.source.spec import Report

T = TypeVar("T")

GRACE = 0.5
"""Seconds that an interrupted caller waits for the thread. One that hangs in the network is left behind:
it is a daemon, what it may still write to is removed, and it stops at its next `check`."""


class Worker(Cancellation):
    """The thread's side: `report` a line to the caller, `check` whether it is still there."""

    def __init__(self) -> None:
        super().__init__()
        self.heard = time.monotonic()
        self.lines: SimpleQueue[str | None] = SimpleQueue()

    def report(self, line: str) -> None:
        """Have the caller report one line, in its own thread."""
        self.check()
        self.lines.put(line)

    def check(self) -> None:
        """Raise `Cancelled` when the caller has gone; call it often."""
        super().check()
        self.heard = time.monotonic()


def run(work: Callable[[Worker], T], report: Report, patience: float = math.inf) -> T:
    """Return what `work` returns or raise what it raises; an exception that hits the caller stops it.

    Raises `TimeoutError` when `work` has not called `check` for `patience` seconds; it is left behind then.
    """
    worker = Worker()

    def body() -> T:
        try:
            return work(worker)
        except BaseException as error:
            _forget_locals(error)
            raise
        finally:
            worker.lines.put(None)

    try:
        with BlockingCall(body, worker, "runnerlib-source", GRACE) as call:
            while (line := _next(worker, report, patience)) is not None:
                report(line)
            return call.result()
    except NoThreadError as error:
        raise SourceError(f"libgit2 needs a thread, and this system starts none: {error.strerror}") from None


def _next(worker: Worker, report: Report, patience: float) -> str | None:
    """The next line, None after the last."""
    while True:
        still_wanted(report)
        if time.monotonic() - worker.heard > patience:
            raise TimeoutError
        with suppress(Empty):
            return worker.lines.get(timeout=TURN)


def _forget_locals(error: BaseException | None) -> None:
    """Close objects in the locals of the failed calls, above all connections: pygit2 has no other way."""
    while error is not None:
        step = error.__traceback__
        while step is not None:
            with suppress(RuntimeError):  # still running: our own
                step.tb_frame.clear()
            step = step.tb_next
        error = error.__context__
