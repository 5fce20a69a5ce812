"""Capture of the output of plugins and their processes during a run."""

from __future__ import annotations

import asyncio
import threading
from contextlib import contextmanager, suppress
from queue import SimpleQueue
from typing import TYPE_CHECKING

from runnerlib.plugins.fd_capture import Descriptors
from runnerlib.plugins.hook_runner import Said
from runnerlib.plugins.print_capture import routed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from runnerlib.masking import SecretMasker
    from runnerlib.output.streams import Streams

    Say = Callable[[str, str], object]

# Label for output that cannot be attributed to one plugin.
_ANYBODY = "plugins"


class Capture:
    """Captures print() output of hooks while open, and output to descriptors 1 and 2 while `taken`.

    `say` gets the name of a plugin and a line, always in the thread of the run.
    """

    def __init__(self, masker: SecretMasker, say: Say) -> None:
        self._masker = masker
        self._say = say
        self._descriptors: Descriptors | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._inbox: SimpleQueue[object] | None = None
        self._written: SimpleQueue[str] = SimpleQueue()

    @contextmanager
    def open(self, *, alone: bool) -> Iterator[Callable[[], Streams] | None]:
        """Start the capture; with `alone`, also of descriptors, and yield a function that gives the original streams.

        `alone` means that the process belongs to this run only; else None is yielded.
        """
        with routed():
            if not alone or threading.current_thread() is not threading.main_thread():
                yield None
                return
            self._descriptors = Descriptors(self._masker, self._deliver)
            try:
                yield self._descriptors.streams
            finally:
                self._descriptors.close()
                self._descriptors = None

    @contextmanager
    def taken(self, plugin: str = _ANYBODY, inbox: SimpleQueue[object] | None = None) -> Iterator[None]:
        """Capture the descriptors during a call of `plugin`, with lines for `inbox`, or while the job runs."""
        if self._descriptors is None:
            yield
            return
        self._inbox = inbox
        try:
            with self._descriptors.taken():
                try:
                    yield
                finally:
                    self._inbox = self._loop = None
        finally:
            self._say_rest(plugin, inbox)

    def _say_rest(self, plugin: str, inbox: SimpleQueue[object] | None) -> None:
        while inbox is not None and not inbox.empty():
            late = inbox.get()
            if isinstance(late, Said):
                self._say(plugin, late.line)
        while not self._written.empty():
            self._say(plugin, self._written.get())

    def in_loop(self) -> None:
        """Call `say` on the running event loop from now on, until the job has ended."""
        self._loop = asyncio.get_running_loop()

    def _deliver(self, line: str) -> None:
        """Pass on a line; called in the thread that reads."""
        inbox, loop = self._inbox, self._loop
        if inbox is not None:
            inbox.put(Said(line))
        elif loop is not None:
            with suppress(RuntimeError):  # it has just been closed
                loop.call_soon_threadsafe(self._say, _ANYBODY, line)
        else:
            self._written.put(line)
