"""Blocking work in a thread that can be abandoned."""

from __future__ import annotations

import asyncio
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")


async def in_thread(work: Callable[[], T]) -> T:
    """Run `work` in a daemon thread, and return its result; on cancellation the thread continues alone."""
    loop = asyncio.get_running_loop()
    done: asyncio.Future[T] = loop.create_future()

    def tell(how: Callable[[], object]) -> None:
        with suppress(RuntimeError):  # the loop is closed, so no task waits any more
            loop.call_soon_threadsafe(lambda: None if done.done() else how())

    def body() -> None:
        try:
            value = work()
        except BaseException as caught:
            error = caught
            tell(lambda: done.set_exception(error))
        else:
            tell(lambda: done.set_result(value))

    threading.Thread(target=body, daemon=True).start()
    return await done
