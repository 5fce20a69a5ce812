"""Output of plugins' processes while a workflow runs on the command line, masked and emitted as events.

The jobs run in parallel, so a line cannot be attributed to one of them.
"""

from __future__ import annotations

from contextlib import contextmanager, suppress
from queue import SimpleQueue
from typing import TYPE_CHECKING

from runnerlib.errors import OutputError
from runnerlib.events import Notice
from runnerlib.events.forwarding import ForwardingObserver
from runnerlib.plugins.fd_capture import Descriptors

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

    from runnerlib.events import Event, Observer
    from runnerlib.masking import SecretMasker
    from runnerlib.output.streams import Streams


@contextmanager
def overheard(
    masker: SecretMasker, opened: Callable[[Streams], AbstractContextManager[Observer]]
) -> Iterator[Observer]:
    """Redirect descriptors 1 and 2 in the block; captured lines are masked and emitted as Notice events.

    Yields the observer that `opened` makes for the original streams. Only for a process that belongs to one run
    alone. Raises OutputError as observers do.
    """
    lines: SimpleQueue[str] = SimpleQueue()
    descriptors = Descriptors(masker, lines.put)
    try:
        with opened(descriptors.streams()) as listener:
            telling = _Telling(listener, lines)
            try:
                with descriptors.taken():
                    yield telling
            finally:
                with suppress(OutputError):  # an earlier event has raised it
                    telling.tell()
    finally:
        descriptors.close()


class _Telling(ForwardingObserver):
    """Wraps `listener`: emits captured lines before each event, because it takes no events from other threads."""

    def __init__(self, listener: Observer, lines: SimpleQueue[str]) -> None:
        super().__init__(listener)
        self._lines = lines

    def tell(self) -> None:
        while not self._lines.empty():
            super().observe(Notice(f"plugins: {self._lines.get()}"))

    def observe(self, event: Event) -> None:
        self.tell()
        super().observe(event)
