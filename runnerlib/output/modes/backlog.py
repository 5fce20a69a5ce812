"""Output that is shown later, in order: in memory while it is small, else in an unlinked file.

A step whose turn has not come may write gigabytes. They are kept on disk, and when they are shown they
go out at the pace of the reader, with no more than one chunk in memory.
"""

from __future__ import annotations

import asyncio
from collections import deque
from tempfile import SpooledTemporaryFile
from typing import TYPE_CHECKING

from runnerlib.errors import OutputError

if TYPE_CHECKING:
    from collections.abc import Callable

    from runnerlib.output.streams import Output

_IN_MEMORY = 1 << 20
_CHUNK = 1 << 16
# Chunks shown in one go: a reader that is always ready must leave the loop to timers and signals.
_CHUNKS_PER_TURN = 16


class SpooledOutput:
    """Whole lines, kept until they are read back, in a file without a name, which nothing else can open."""

    def __init__(self) -> None:
        self._file = SpooledTemporaryFile(_IN_MEMORY)  # noqa: SIM115 - closed when it is read
        self._reading = False

    def write(self, data: bytes) -> None:
        """Keep `data`."""
        try:
            self._file.write(data)
        except OSError as error:
            raise OutputError(f"cannot keep the output of a step until its turn: {error.strerror}") from None

    def read(self) -> bytes:
        """The next lines, from the first one on; empty at the end."""
        if not self._reading:
            self._reading = True
            self._file.seek(0)
        data = self._file.read(_CHUNK)
        return data if data.endswith(b"\n") else data + self._file.readline()

    @property
    def left(self) -> int:
        """The bytes not read yet."""
        at = self._file.tell() if self._reading else 0
        end = self._file.seek(0, 2)
        self._file.seek(at)
        return int(end) - at

    def close(self) -> None:
        """Discard the content."""
        self._file.close()


class Backlog:
    """Writes to `out` through `put`, in order; spilled content is written at the pace of its reader."""

    def __init__(self, out: Output, put: Callable[[bytes], None]) -> None:
        self._out = out
        self._put = put
        self._queue: deque[bytes | SpooledOutput] = deque()
        self._task: asyncio.Task[None] | None = None
        self._error: OutputError | None = None

    @property
    def congested(self) -> bool:
        """True while output is queued."""
        return bool(self._queue) or self._out.congested

    def write(self, data: bytes) -> None:
        """Write `data` after all that is queued."""
        if self._error:
            raise self._error
        if self._queue:
            self._queue.append(data)
        else:
            self._put(data)

    def follow(self, spill: SpooledOutput) -> None:
        """Write all of `spill` after all that is queued, and close it."""
        if self._error:
            spill.close()
            raise self._error
        self._queue.append(spill)
        if self._task is None:
            self._begin()

    async def drain(self) -> None:
        """Wait until nothing is queued any more."""
        while self._task is not None:
            await asyncio.wait([self._task])  # `give_up` cancels it; its error is raised below
        await self._out.drain()
        if self._error:
            raise self._error

    def give_up(self) -> int:
        """Drop the queue, and refuse more; return the number of bytes dropped."""
        lost = sum(item.left if isinstance(item, SpooledOutput) else len(item) for item in self._queue)
        self.close()
        lost += self._out.give_up()
        if lost:
            self._error = OutputError(f"cannot write the job's output: its reader has stopped, {lost} bytes are lost")
        return lost

    def close(self) -> None:
        """Discard the queue."""
        if self._task is not None:
            self._task.cancel()
            self._task = None
        for item in self._queue:
            if isinstance(item, SpooledOutput):
                item.close()
        self._queue.clear()

    def _begin(self) -> None:
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:  # no loop: `put` waits itself
            while self._queue:
                self._advance()
        else:
            self._advance()
            if self._queue:
                self._task = loop.create_task(self._replay())

    async def _replay(self) -> None:
        try:
            while self._queue:
                await self._out.drain()
                self._advance()
                await asyncio.sleep(0)
        except OutputError as error:  # `drain` and `write` raise it
            self._error = error
            self._task = None
            self.close()
        finally:
            self._task = None

    def _advance(self) -> None:
        for _ in range(_CHUNKS_PER_TURN):
            if not self._queue or self._out.congested:
                return
            item = self._queue[0]
            data = item.read() if isinstance(item, SpooledOutput) else item
            if data:
                self._put(data)
            if isinstance(item, SpooledOutput):
                if data:
                    continue
                item.close()
            self._queue.popleft()
