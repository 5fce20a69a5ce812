"""Moves a step's output from its pipe through the mask to the observer, as fast as the observer takes it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from runnerlib.events import StepOutput

if TYPE_CHECKING:
    from collections.abc import Callable

    from runnerlib.events import Observer
    from runnerlib.masking import Stream
    from runnerlib.process import Process

# One read; larger ones leave the allocator's fast path and the cache.
CHUNK = 1 << 16
# Reads per wake-up: a step that never stops writing must leave the loop to timers and signals.
READS_PER_WAKEUP = 16


class Pump:
    """Reads the output of a process from `start` until it ends, `finish` is called or delivery fails.

    Memory is bounded by one chunk and what the mask holds: while the observer is congested nothing
    is read, and the writer of the pipe has to wait.
    """

    def __init__(self, process: Process, step: str, stream: Stream, observer: Observer) -> None:
        self._pipe = process.output
        self._read_some = process.read
        self._step = step
        self._stream = stream
        self._observer = observer
        self._loop = asyncio.get_running_loop()
        self._reading = False
        self._resuming: asyncio.Task[None] | None = None
        self._read_at = self._loop.time()
        self._owed = 0
        self._when_paid: Callable[[], object] | None = None
        self.error: Exception | None = None
        self.ended: asyncio.Future[None] = self._loop.create_future()

    def start(self) -> None:
        """Read whenever there is something to read."""
        if not self._reading and not self.ended.done():
            self._reading = True
            self._read_at = self._loop.time()
            self._loop.add_reader(self._pipe, self._on_readable)

    def after(self, size: int, action: Callable[[], object]) -> None:
        """Call `action` once `size` more bytes are read; never when the output ends before."""
        self._owed = size
        self._when_paid = action
        self._pay(0)

    def quiet(self) -> float:
        """Seconds since the process last wrote something; while the reader of the output is behind, none pass."""
        return self._loop.time() - self._read_at if self._reading else 0.0

    def finish(self) -> None:
        """Read no more, and let out what the mask holds."""
        self._pause()
        if self._resuming is not None:
            self._resuming.cancel()
        if self.ended.done():
            return
        self.ended.set_result(None)
        if self.error is None:
            try:
                self._emit(self._stream.flush())
            except Exception as error:
                self.error = error

    def _on_readable(self) -> None:
        try:
            self._read()
        except Exception as error:
            self._fail(error)

    def _read(self) -> None:
        self._read_at = self._loop.time()
        for _ in range(READS_PER_WAKEUP):
            try:
                data = self._read_some(CHUNK)
            except BlockingIOError:
                return
            if not data:
                self.finish()
                return
            self._emit(self._stream.feed(data))
            self._pay(len(data))
            if self._observer.congested:
                self._pause()
                self._resuming = self._loop.create_task(self._resume_when_drained())
                return

    def _emit(self, data: bytes) -> None:
        if data:
            self._observer.observe(StepOutput(self._step, data))

    def _pay(self, read: int) -> None:
        if self._when_paid is None or self.ended.done():
            return
        self._owed -= read
        if self._owed <= 0:
            action, self._when_paid = self._when_paid, None
            action()

    async def _resume_when_drained(self) -> None:
        try:
            await self._observer.drain()
        except Exception as error:
            self._fail(error)
        else:
            self.start()

    def _fail(self, error: Exception) -> None:
        self.error = error
        self.finish()

    def _pause(self) -> None:
        if self._reading:
            self._reading = False
            self._loop.remove_reader(self._pipe)
