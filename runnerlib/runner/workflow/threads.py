"""Work that blocks, in a thread that nobody has to wait for."""

from __future__ import annotations

import asyncio
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")


async def in_thread(work: Callable[[], T]) -> T:
    """What `work` returns or raises. Cancelled, it goes on alone: the thread is a daemon and ends with the program."""
    loop = asyncio.get_running_loop()
    done: asyncio.Future[T] = loop.create_future()

    def tell(how: Callable[[], object]) -> None:
        with suppress(RuntimeError):  # the loop is closed: nobody waits any more
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
