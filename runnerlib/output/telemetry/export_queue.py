"""A bounded queue before an exporter, whose thread no run waits for longer than a moment."""

from __future__ import annotations

import threading
import time
from collections import deque
from typing import TYPE_CHECKING, Generic, TypeVar

from runnerlib._util.threads import start_thread

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

T = TypeVar("T")

MOST = 4096
BATCH = 512
SOON = 0.5
"""Seconds that the first entry of a batch waits for more."""
MOMENT = 1.0
"""Seconds that the end of a run waits for an exporter of which nothing is known yet."""
PATIENCE = 3.0
"""Seconds that it waits for one that has taken everything so far."""


class ExportQueue(Generic[T]):
    """Hands entries to `export` in a thread of its own, which returns whether they were taken.

    What comes when the queue is full is dropped and counted, as is what could not be exported or is left at the end.
    The end waits for `patience` seconds, if given, for an exporter that has not failed.
    """

    def __init__(self, export: Callable[[Sequence[T]], bool], name: str, patience: float | None = None) -> None:
        self._export = export
        self._patience = patience
        self._entries: deque[T] = deque()
        self._news = threading.Condition()
        self._closing = False
        self._began: float | None = None  # the first export
        self._well: bool | None = None
        self._busy = 0  # entries that are being exported
        self.dropped = 0
        self._thread = start_thread(self._work, name)

    def put(self, entry: T) -> None:
        """Take an entry, or drop it; returns at once."""
        with self._news:
            if len(self._entries) >= MOST:
                self.dropped += 1
                return
            self._entries.append(entry)
            if len(self._entries) in {1, BATCH}:
                self._news.notify()

    def finish(self) -> int:
        """Wait for the rest as long as that is worth it; return how many entries were dropped in all."""
        with self._news:
            self._closing = True
            self._news.notify()
            well = self._well
        self._thread.join(self._worth(well))
        with self._news:
            left = len(self._entries) + self._busy
            self._entries.clear()
            return self.dropped + left

    def _worth(self, well: bool | None) -> float:
        """Return the seconds to wait for an exporter that takes all, has failed (False), or is not known yet (None)."""
        if well is False:
            return 0.0
        if self._patience is not None:
            return self._patience
        spent = time.monotonic() - self._began if self._began is not None else 0.0
        return PATIENCE if well else max(MOMENT - spent, 0.0)

    def _work(self) -> None:
        while batch := self._next():
            try:
                self._well = self._export(batch)
            except Exception:
                self._well = False
            with self._news:
                self._busy = 0
                if not self._well:
                    self.dropped += len(batch)

    def _next(self) -> list[T]:
        """Wait for entries, and a little for more of them; none at the end."""
        with self._news:
            while not self._entries and not self._closing:
                self._news.wait()
            end = time.monotonic() + SOON
            while len(self._entries) < BATCH and not self._closing and (left := end - time.monotonic()) > 0:
                self._news.wait(left)
            batch = [self._entries.popleft() for _ in range(min(len(self._entries), BATCH))]
            self._busy = len(batch)
            self._began = self._began or time.monotonic()
            return batch
