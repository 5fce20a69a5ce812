"""Base class for console filters, which change the events that a console gets."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from runnerlib.events import Event
    from runnerlib.output.protocol import Console


class Filter:
    """A filter that passes every event to `console`; subclasses override `observe`."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def observe(self, event: Event) -> None:
        """Pass one event on."""
        self._console.observe(event)

    @property
    def congested(self) -> bool:
        """True while the console is congested."""
        return self._console.congested

    async def drain(self) -> None:
        """Wait for the console."""
        await self._console.drain()

    def give_up(self) -> int:
        """Abort the output of the console; return the number of bytes dropped."""
        return self._console.give_up()

    def close(self) -> None:
        """Close the console."""
        self._console.close()

    def say(self, text: bytes) -> None:
        """Pass lines of the runner itself on unchanged."""
        self._console.say(text)
