"""The pump: moves a step's output from its pipe through the masker to the observer, at the observer's pace."""

from __future__ import annotations

import asyncio
from collections import deque
from contextlib import suppress
from typing import TYPE_CHECKING

from runnerlib._util.system import enlarge
from runnerlib.events import StepOutput

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from runnerlib.events import Observer
    from runnerlib.executor.protocol import StepProcess
    from runnerlib.masking import Stream

# One read; larger ones leave the allocator's fast path and the cache.
CHUNK = 1 << 16
# Reads per wake-up: a step that never stops writing must leave the loop to timers and signals.
READS_PER_WAKEUP = 16
# One read while a thread searches, as much as the pipe has: the way there and back takes as long as 100 KB.
AHEAD = 1 << 20


class Pump:
    """Reads the output of a process from `start` until it ends, `finish` is called or delivery fails.

    Memory is bounded by a few chunks and what the mask holds: while the observer is congested nothing
    is read, and the writer of the pipe has to wait.

    The output of a step that writes faster than this is *read ahead*: a thread searches a chunk for secrets while the
    one before it is written and the next one read. The stream takes each chunk here, on the loop, and searches it
    anew if a secret was registered in the meantime: so what is put out is the same, and no registration comes too late.
    """

    def __init__(self, process: StepProcess, step: str, stream: Stream, observer: Observer) -> None:
        self._pipe = process.output
        self._read_some = process.read
        self._step = step
        self._stream = stream
        self._observer = observer
        self._loop = asyncio.get_running_loop()
        self._reading = False
        self._enlarged = False
        self._working: asyncio.Task[None] | None = None
        self._ahead: deque[bytes] = deque()
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
        """Stop reading, and emit the bytes that the masker holds."""
        self._pause()
        if self._working is not None:
            self._working.cancel()
        if self.ended.done():
            return
        self.ended.set_result(None)
        if self.error is None:
            try:
                while self._ahead:
                    self._emit(self._stream.feed(self._ahead.popleft()))
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
            if len(data) == CHUNK and not self._enlarged:
                self._enlarged = True  # not from the start: it takes longer than a step without output
                enlarge(self._pipe)
            self._emit(self._stream.feed(data))
            self._pay(len(data))
            if self._observer.congested:
                self._work(self._observer.drain)
                return
        if self._stream.searches:
            self._work(self._read_while_searching)

    async def _read_while_searching(self) -> None:
        """Search in a thread and read ahead, until the pipe is empty."""
        shown = b""
        bytes(8 * AHEAD)  # never touched; glibc learns that such blocks come and go, and keeps their pages
        self._read_ahead()
        while self._ahead:
            data = self._ahead[0]
            searched = self._search(data)
            await self._show(shown)
            self._read_ahead()
            if searched is not None:
                await searched
            shown = self._stream.feed(self._ahead.popleft())
        await self._show(shown)

    def _search(self, data: bytes) -> asyncio.Future[None] | None:
        """Search in a thread; None if no thread can start, so that the stream searches the chunk itself."""
        try:
            return self._loop.run_in_executor(None, self._stream.prepare, data)
        except RuntimeError:
            return None

    async def _show(self, data: bytes) -> None:
        self._emit(data)
        if self._observer.congested:
            await self._observer.drain()

    def _read_ahead(self) -> None:
        with suppress(BlockingIOError):
            data = self._read_some(AHEAD)
            if data:
                self._ahead.append(data)
                self._pay(len(data))

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

    def _work(self, do: Callable[[], Awaitable[None]]) -> None:
        """Stop waiting for the pipe, run `do`, and go on afterwards."""
        self._pause()
        self._working = self._loop.create_task(self._resume_after(do))

    async def _resume_after(self, do: Callable[[], Awaitable[None]]) -> None:
        try:
            await do()
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
