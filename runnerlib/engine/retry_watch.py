"""Search for a pattern in the visible text of a step's output, while the output passes on."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from runnerlib.events import StepOutput
from runnerlib.events.forwarding import ForwardingObserver
from runnerlib.output.text.lines import Lines
from runnerlib.output.text.visible import visible
from runnerlib.pipeline.job.retry_pattern import compiled

if TYPE_CHECKING:
    from runnerlib.events import Event, Observer

# Bytes that may wait to be searched before the step has to.
_BACKLOG = 1 << 20
# Characters of a long line that are searched again with its next piece: the longest match across a cut.
_OVERLAP = 4096


class Watch(ForwardingObserver):
    """An observer that passes events on; `seen` returns at the end whether the pattern was in a line.

    A thread searches: whatever a pattern costs, the loop goes on, and with it time limits and signals.
    """

    def __init__(self, observer: Observer, pattern: str) -> None:
        super().__init__(observer)
        self._lines = Lines()
        self._search = _Search(pattern)
        self._parts: list[bytes] = []
        self._size = 0
        self._working: asyncio.Task[None] | None = None

    @property
    def congested(self) -> bool:
        """True while the reader of the output, or the search, is behind."""
        return super().congested or self._behind

    async def drain(self) -> None:
        """Wait for the reader of the output and the search."""
        await super().drain()
        if self._behind and self._working is not None:
            await asyncio.wait((self._working,))

    @property
    def _behind(self) -> bool:
        return self._size > _BACKLOG and not self._search.over

    def observe(self, event: Event) -> None:
        """Pass an event on, and search it if it is output."""
        if isinstance(event, StepOutput) and not self._search.over:
            self._add(self._lines.feed(event.data))
        super().observe(event)

    async def seen(self) -> bool:
        """Return whether the pattern was in a line, the unfinished last one included.

        It is called after the last event.
        """
        self._add([last + b"\n" for last in self._lines.end()])
        await self._searched()
        if self._search.within_line:
            self._add([b"\n"])
            await self._searched()
        return self._search.found

    def give_up(self) -> None:
        """Abandon the search; the thread ends with the line that it searches."""
        self._search.over = True

    async def _searched(self) -> None:
        while self._working is not None:
            await asyncio.wait((self._working,))

    def _add(self, parts: list[bytes]) -> None:
        self._parts += parts
        self._size += sum(map(len, parts))
        if self._parts and self._working is None:
            self._working = asyncio.get_running_loop().create_task(self._work())

    async def _work(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            while self._parts and not self._search.over:
                parts, self._parts = self._parts, []
                await loop.run_in_executor(None, self._search.look, parts)
                self._size -= sum(map(len, parts))
        finally:
            self._working = None


class _Search:
    """The state of a search; only one thread calls `look` at a time. `over` is true once the search has ended."""

    def __init__(self, pattern: str) -> None:
        self._pattern = compiled(pattern)
        self._before = ""  # the end of a line that is not complete
        self.found = False
        self.over = False

    @property
    def within_line(self) -> bool:
        """True if the last line has not ended."""
        return bool(self._before)

    def look(self, parts: list[bytes]) -> None:
        """Search runs of whole lines, and pieces of longer ones."""
        for part in parts:
            *lines, rest = part.split(b"\n")
            for line in lines:
                self._look_at(line, ends=True)
            if rest:
                self._look_at(rest, ends=False)

    def _look_at(self, line: bytes, *, ends: bool) -> None:
        """Search a line, or a piece of one.

        The first and the last character of a piece only show that the line goes on at that side.
        """
        if self.over:
            return
        text = self._before + visible(line)
        data = text.encode()
        start = len(text[:1].encode()) if self._before else 0
        end = len(data) if ends else len(text[:-1].encode())
        if self._pattern.search(data, start, end) is not None:
            self.found = self.over = True
        # A line that returned to its beginning is about to be overwritten.
        self._before = "" if ends or line.endswith(b"\r") else text[-_OVERLAP:]
