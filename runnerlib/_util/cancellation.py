"""Stopping a run that is under way."""

from __future__ import annotations

import asyncio
import signal
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

from runnerlib._util.system import signal_name
from runnerlib.errors import Interrupted

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterator

T = TypeVar("T")


# Seconds for blocking work to notice that it is cancelled.
_NOTICE = 1.0


class Stop:
    """Token that stops one run, from any thread at any time; `signum` is the first signal requested, else 0.

    `again` says that it was asked more than once: then what still runs is killed.
    A `patient` run is tidying up: the first signal does not interrupt that, the second does.
    """

    def __init__(self) -> None:
        self.signum = 0
        self.again = False
        self.patient = False
        self._lock = threading.RLock()
        self._forward: Callable[[int], object] | None = None

    def request(self, signum: int = signal.SIGTERM) -> None:
        """Request a stop as by `signum`. At the second request the processes are killed at once."""
        with self._lock:
            first, self.signum = not self.signum, self.signum or signum
            self.again = not first
            if self._forward is not None and not (self.patient and first):
                self._forward(signum)

    def check(self) -> None:
        """Raise Interrupted once a stop is requested; for code that has nothing else to stop."""
        if self.signum:
            raise Interrupted(self.signum, signal_name(self.signum))

    async def unless(self, stopped: asyncio.Event, work: Coroutine[Any, Any, T]) -> T:
        """Return the result of `work`; once `stopped` is set, cancel it and raise Interrupted."""
        working = asyncio.ensure_future(work)
        stopping = asyncio.ensure_future(stopped.wait())
        try:
            await asyncio.wait((working, stopping), return_when=asyncio.FIRST_COMPLETED)
            if not working.done():
                await asyncio.wait((working,), timeout=_NOTICE)
            self.check()
            return await working
        finally:
            for task in (working, stopping):
                task.cancel()
            await asyncio.gather(working, stopping, return_exceptions=True)

    @contextmanager
    def forwarded(self, forward: Callable[[int], object]) -> Iterator[None]:
        """Pass requests from other threads to `forward`, which is called in those threads."""
        with self._lock:
            self._forward = forward
        try:
            yield
        finally:
            with self._lock:
                self._forward = None

    @contextmanager
    def reaching(self, loop: asyncio.AbstractEventLoop, stop: Callable[[int], object]) -> Iterator[None]:
        """Pass requests to `stop`, which is called on `loop`; earlier requests are passed at once."""
        with self._lock:
            self._forward = lambda signum: loop.call_soon_threadsafe(stop, signum)
            for _ in range(bool(self.signum) + self.again):
                stop(self.signum)
        try:
            yield
        finally:
            with self._lock:
                self._forward = None


async def cancelled(*tasks: asyncio.Task[Any]) -> None:
    """Cancel tasks until they have ended, however.

    Once is not enough for tasks that wait by `asyncio.wait_for`: before Python 3.12 it loses the cancellation that
    comes in the moment in which the wait ends.
    """
    while left := [task for task in tasks if not task.done()]:
        for task in left:
            task.cancel()
        await asyncio.wait(left, timeout=_NOTICE)
    await asyncio.gather(*tasks, return_exceptions=True)
