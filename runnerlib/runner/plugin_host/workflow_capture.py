"""What processes of plugins write while a workflow runs on the command line: masked, and told like everything else.

Its jobs run side by side, so nobody can tell which of them a line is of.
"""

from __future__ import annotations

from contextlib import contextmanager, suppress
from queue import SimpleQueue
from typing import TYPE_CHECKING

from runnerlib.errors import OutputError
from runnerlib.events import Notice
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
    """An audience, `opened` on what descriptors 1 and 2 lead to now, which is told what is written to them within.

    For a process that belongs to one run alone. Raises OutputError as observers do.
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
                with suppress(OutputError):  # who was told last has raised it
                    telling.tell()
    finally:
        descriptors.close()


class _Telling:
    """`listener`, told before each event which lines have come: it takes nothing from other threads."""

    def __init__(self, listener: Observer, lines: SimpleQueue[str]) -> None:
        self._listener = listener
        self._lines = lines

    def tell(self) -> None:
        while not self._lines.empty():
            self._listener.observe(Notice(f"plugins: {self._lines.get()}"))

    def observe(self, event: Event) -> None:
        self.tell()
        self._listener.observe(event)

    @property
    def congested(self) -> bool:
        return self._listener.congested

    async def drain(self) -> None:
        await self._listener.drain()
