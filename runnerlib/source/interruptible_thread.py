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
from threading import Event, Thread
from typing import TYPE_CHECKING, TypeVar

from runnerlib.errors import SourceError
from runnerlib.source.retry import TURN
from runnerlib.source.spec import still_wanted

if TYPE_CHECKING:
    from collections.abc import Callable

    from runnerlib.source.spec import Report

T = TypeVar("T")

GRACE = 0.5
"""Seconds that an interrupted caller waits for the thread. One that hangs in the network is left behind:
it is a daemon, what it may still write to is removed, and it stops at its next `check`."""


class Cancelled(BaseException):
    """Raised in the thread when the caller does not wait for its result any more."""


class Worker:
    """The thread's side: `report` a line to the caller, `check` whether it is still there."""

    def __init__(self) -> None:
        self.cancelled = False
        self.heard = time.monotonic()
        self.ended = Event()
        self.lines: SimpleQueue[str | None] = SimpleQueue()

    def report(self, line: str) -> None:
        """Have the caller report one line, in its own thread."""
        self.check()
        self.lines.put(line)

    def check(self) -> None:
        """Raise `Cancelled` when the caller has gone; call it often."""
        if self.cancelled:
            raise Cancelled
        self.heard = time.monotonic()


def run(work: Callable[[Worker], T], report: Report, patience: float = math.inf) -> T:
    """Return what `work` returns or raise what it raises; an exception that hits the caller stops it.

    Raises `TimeoutError` when `work` has not called `check` for `patience` seconds; it is left behind then.
    """
    worker = Worker()
    results: list[T] = []
    errors: list[BaseException] = []

    def body() -> None:
        try:
            results.append(work(worker))
        except BaseException as error:
            _forget_locals(error)
            errors.append(error)
        worker.ended.set()
        worker.lines.put(None)

    try:
        _start(body)
        while (line := _next(worker, report, patience)) is not None:
            report(line)
    except BaseException:
        worker.cancelled = True
        worker.ended.wait(GRACE)
        raise
    if errors:
        raise errors[0]
    return results[0]


def _start(body: Callable[[], None]) -> None:
    try:
        Thread(target=body, name="runnerlib-source", daemon=True).start()
    except RuntimeError as error:
        raise SourceError(f"libgit2 needs a thread, and this system starts none: {error}") from None


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
