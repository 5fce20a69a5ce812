"""One observer of many."""

from __future__ import annotations

from typing import TYPE_CHECKING

from runnerlib.errors import OutputError

if TYPE_CHECKING:
    from runnerlib.events import Event
    from runnerlib.output.protocol import Listener


class Several:
    """Passes every event on to each listener in order; the first error is raised when all have the event."""

    def __init__(self, *listeners: Listener) -> None:
        self._listeners = listeners

    @property
    def congested(self) -> bool:
        """Whether one of them is."""
        return any(listener.congested for listener in self._listeners)

    def observe(self, event: Event) -> None:
        """Pass one event on."""
        failed: OutputError | None = None
        for listener in self._listeners:
            try:
                listener.observe(event)
            except OutputError as error:
                failed = failed or error
        if failed is not None:
            raise failed

    async def drain(self) -> None:
        """Return when none of them is congested."""
        failed: OutputError | None = None
        for listener in self._listeners:
            try:
                await listener.drain()
            except OutputError as error:
                failed = failed or error
        if failed is not None:
            raise failed

    def give_up(self) -> int:
        """All give up; the bytes dropped."""
        return sum(listener.give_up() for listener in self._listeners)

    def close(self) -> None:
        """Close all."""
        for listener in self._listeners:
            listener.close()
