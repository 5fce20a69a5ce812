"""An observer that passes each event to several others."""

from __future__ import annotations

from typing import TYPE_CHECKING

from runnerlib.errors import OutputError

if TYPE_CHECKING:
    from runnerlib.events import Event
    from runnerlib.output.protocol import Listener


class FanOut:
    """Passes every event on to each listener in order; the first error is raised when all have the event."""

    def __init__(self, *listeners: Listener) -> None:
        self._listeners = listeners

    @property
    def congested(self) -> bool:
        """True while one of the listeners is congested."""
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
        """Wait until none of the listeners is congested."""
        failed: OutputError | None = None
        for listener in self._listeners:
            try:
                await listener.drain()
            except OutputError as error:
                failed = failed or error
        if failed is not None:
            raise failed

    def give_up(self) -> int:
        """Abort the output of all listeners; return the number of bytes dropped."""
        return sum(listener.give_up() for listener in self._listeners)

    def close(self) -> None:
        """Close all; the first error is raised when all are closed."""
        failed: OutputError | None = None
        for listener in self._listeners:
            try:
                listener.close()
            except OutputError as error:
                failed = failed or error
        if failed is not None:
            raise failed
