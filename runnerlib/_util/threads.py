"""Blocking calls in threads of their own, which their callers can leave.

A thread is a daemon: one that hangs in the kernel or in a library keeps no process alive.
"""

from __future__ import annotations

import errno
from contextlib import suppress
from contextvars import copy_context
from functools import partial
from threading import Event, Thread
from typing import TYPE_CHECKING, Generic, Self, TypeVar

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop, Future
    from collections.abc import Callable

Here = TypeVar("Here")
T = TypeVar("T")

TURN = 0.2
"""Seconds between two checks for cancellation while a caller waits."""


class Cancelled(BaseException):
    """Raised in a thread when the caller does not wait for its result any more."""


class Cancellation:
    """The link from the caller of a thread to what runs there.

    `flag` is one byte, 0 until the call is cancelled: compiled code reads it without the GIL.
    """

    def __init__(self) -> None:
        self.flag = bytearray(1)

    def check(self) -> None:
        """Raise `Cancelled` when the caller has gone; call it often."""
        if self.flag[0]:
            raise Cancelled


class NoThreadError(OSError):
    """The system starts no further thread."""

    def __init__(self, reason: str) -> None:
        super().__init__(errno.EAGAIN, reason)


def start_thread(work: Callable[[], object], name: str) -> Thread:
    """Run `work` in a new daemon thread. Raises `NoThreadError`."""
    thread = Thread(target=work, name=name, daemon=True)
    _start(thread)
    return thread


def _start(thread: Thread) -> None:
    try:
        thread.start()
    except RuntimeError as error:
        raise NoThreadError(str(error)) from None


class BlockingCall(Generic[T]):
    """A call in a thread, during a block: an exception that leaves the block cancels it.

    `work` has to end soon after `cancellation`. The caller then waits `grace` seconds for the thread, None for as long
    as it takes. The start of the block raises `NoThreadError`.
    """

    def __init__(self, work: Callable[[], T], cancellation: Cancellation, name: str, grace: float | None = 1.0) -> None:
        self._work = work
        self._cancellation = cancellation
        self._grace = grace
        self._results: list[T] = []
        self._errors: list[BaseException] = []
        self._ended = Event()
        self._thread = Thread(target=self._run, name=name, daemon=True)

    def _run(self) -> None:
        try:
            self._cancellation.check()  # the caller may have gone before this thread began, and waits for nothing
            self._results.append(self._work())
        except BaseException as error:
            self._errors.append(error)
        self._ended.set()

    def __enter__(self) -> Self:
        try:
            _start(self._thread)
        except BaseException:  # a signal handler's included, when the thread is at work already
            self._cancel()
            raise
        return self

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        if kind is not None:
            self._cancel()

    def _cancel(self) -> None:
        self._cancellation.flag[0] = 1
        if self._thread.is_alive():
            self._ended.wait(self._grace)

    def result(self, check: Callable[[], object] = lambda: None) -> T:
        """Return what the call returns or raise what it raises; `check`, called several times a second, may raise."""
        while not self._ended.wait(TURN):
            check()
        return self.poll(0)

    def poll(self, seconds: float = TURN) -> T:
        """Return what the call returns or raise what it raises; TimeoutError when it goes on for `seconds`."""
        if not self._ended.wait(seconds):
            raise TimeoutError
        if self._errors:
            raise self._errors[0]
        return self._results[0]


def together(here: Callable[[], Here], there: Callable[[Callable[[], None]], T]) -> tuple[Here, T]:
    """Run `here` in this thread and `there` in another one, and return both results.

    `there` is given a cancellation check that it must call often. Raises what `here` raises, then what `there`
    raises; or `NoThreadError`.
    """
    cancellation = Cancellation()
    with BlockingCall(partial(there, cancellation.check), cancellation, "runnerlib-together") as call:
        return here(), call.result()


def future_of(work: Callable[[], T], loop: AbstractEventLoop, name: str) -> tuple[Thread, Future[T]]:
    """Run `work` in a thread and in a copy of this context; the future of `loop` gets its outcome.

    The outcome is dropped when the future is done or the loop is closed by then. Raises `NoThreadError`.
    """
    future: Future[T] = loop.create_future()

    def settle(how: Callable[[], object]) -> None:
        with suppress(RuntimeError):  # the loop is closed, so no task waits any more
            loop.call_soon_threadsafe(lambda: None if future.done() else how())

    def run() -> None:
        try:
            result = work()
        except BaseException as error:
            settle(partial(future.set_exception, error))
        else:
            settle(partial(future.set_result, result))

    return start_thread(partial(copy_context().run, run), name), future
