"""Calls in threads: their results and errors, and the end of those that nobody waits for any more."""

from __future__ import annotations

import asyncio
import contextvars
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

import pytest

from runnerlib._util.threads import (
    BlockingCall,
    Cancellation,
    Cancelled,
    NoThreadError,
    future_of,
    start_thread,
    together,
)


class Left(Exception):  # noqa: N818 - a signal, not a fault
    """Raised in the caller."""


def until_cancelled(cancellation: Cancellation, ended: threading.Event) -> None:
    try:
        while True:
            cancellation.check()
            time.sleep(0.001)  # gives way to the other thread
    except Cancelled:
        ended.set()
        raise


def test_both_run_at_the_same_time() -> None:
    """Each waits for the other: one after the other would never end."""
    barrier = threading.Barrier(2, timeout=30)

    def there(check: Callable[[], None]) -> str:
        check()
        barrier.wait()
        return "there"

    def here() -> str:
        barrier.wait()
        return "here"

    assert together(here, there) == ("here", "there")


def test_an_error_there_is_raised_here() -> None:
    def there(check: Callable[[], None]) -> None:
        raise OSError("full")

    with pytest.raises(OSError, match="full"):
        together(lambda: None, there)


def test_an_error_here_ends_what_is_there() -> None:
    ended = threading.Event()

    def there(check: Callable[[], None]) -> None:
        try:
            while True:
                check()
                time.sleep(0.001)
        finally:
            ended.set()

    def here() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        together(here, there)
    assert ended.wait(30)


def test_the_result_of_a_call() -> None:
    with BlockingCall(lambda: 7, Cancellation(), "test") as call:
        assert call.result() == 7
        assert call.result(lambda: pytest.fail("it has ended")) == 7


def test_a_check_that_raises_cancels_the_call() -> None:
    cancellation, ended = Cancellation(), threading.Event()

    def check() -> None:
        raise Left

    with pytest.raises(Left), BlockingCall(partial(until_cancelled, cancellation, ended), cancellation, "test") as call:
        call.result(check)
    assert ended.is_set()
    assert cancellation.flag == b"\1"


@contextmanager
def raising_at_alarms() -> Iterator[None]:
    def leave(*_: object) -> None:
        raise Left

    before = signal.signal(signal.SIGALRM, leave)
    try:
        yield
    finally:
        signal.signal(signal.SIGALRM, before)


def test_a_signal_reaches_a_caller_that_waits() -> None:
    cancellation, ended = Cancellation(), threading.Event()

    def work() -> None:
        signal.raise_signal(signal.SIGALRM)
        until_cancelled(cancellation, ended)

    with (
        raising_at_alarms(),
        pytest.raises(Left),
        BlockingCall(work, cancellation, "test", grace=None) as call,
    ):
        call.result()
    assert ended.is_set()


def test_a_signal_during_the_start_of_the_thread_cancels_the_call(monkeypatch: pytest.MonkeyPatch) -> None:
    """The caller has no block yet whose end could do it."""
    cancellation, ended = Cancellation(), threading.Event()
    start = threading.Thread.start

    def interrupted(thread: threading.Thread) -> None:
        start(thread)
        raise Left

    monkeypatch.setattr(threading.Thread, "start", interrupted)
    with pytest.raises(Left), BlockingCall(partial(until_cancelled, cancellation, ended), cancellation, "test"):
        pytest.fail("entered")
    assert ended.is_set()


def test_a_thread_that_begins_after_its_caller_has_gone_does_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    late: list[threading.Thread] = []

    def interrupted(thread: threading.Thread) -> None:
        late.append(thread)
        raise Left

    start = threading.Thread.start
    monkeypatch.setattr(threading.Thread, "start", interrupted)
    called: list[int] = []
    with pytest.raises(Left), BlockingCall(lambda: called.append(1), Cancellation(), "test", grace=None):
        pytest.fail("entered")
    monkeypatch.undo()
    start(late[0])
    late[0].join()
    assert called == []


def test_a_call_that_does_not_listen_is_left_behind() -> None:
    """It ends in the end, without an effect on its caller."""
    go_on, gone = threading.Event(), threading.Event()

    def work() -> None:
        go_on.wait()
        gone.set()

    def check() -> None:
        raise Left

    with pytest.raises(Left), BlockingCall(work, Cancellation(), "test", grace=0.01) as call:
        call.result(check)
    assert not gone.is_set()
    go_on.set()
    assert gone.wait(30)


def test_a_system_without_room_for_a_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    with pytest.raises(NoThreadError, match="can't start new thread"):
        start_thread(lambda: None, "test")
    with pytest.raises(NoThreadError):
        together(lambda: pytest.fail("called"), lambda check: None)


NAME = contextvars.ContextVar("NAME", default="")


def test_a_future_gets_the_result_and_the_error() -> None:
    async def main() -> None:
        NAME.set("mine")
        loop = asyncio.get_running_loop()
        thread, future = future_of(lambda: (NAME.get(), threading.current_thread()), loop, "test")
        assert await future == ("mine", thread)
        thread.join()
        thread, failed = future_of(full, loop, "test")
        with pytest.raises(OSError, match="full"):
            await failed
        thread.join()

    def full() -> None:
        raise OSError("full")

    asyncio.run(main())


def test_a_future_that_is_cancelled_and_a_loop_that_is_closed_drop_the_outcome(
    recwarn: pytest.WarningsRecorder,
) -> None:
    go_on = threading.Event()

    async def main() -> threading.Thread:
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda _, context: pytest.fail(str(context)))
        thread, future = future_of(lambda: None, loop, "test")
        future.cancel()
        await asyncio.to_thread(thread.join)
        await asyncio.sleep(0)
        return future_of(go_on.wait, loop, "test")[0]

    thread = asyncio.run(main())
    go_on.set()
    thread.join()
    assert not recwarn.list


def test_a_call_can_be_asked_for_its_result_for_a_while() -> None:
    go_on = threading.Event()
    with BlockingCall(go_on.wait, Cancellation(), "test", grace=30) as call:
        with pytest.raises(TimeoutError):
            call.poll(0.01)
        go_on.set()
        assert call.poll(30)
