"""A console in front of another, which decides what that one is told of."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from runnerlib.events import Event
    from runnerlib.output.protocol import Console


class Filter:
    """Passes everything on to `console`; a subclass observes otherwise."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def observe(self, event: Event) -> None:
        """Pass one event on."""
        self._console.observe(event)

    @property
    def congested(self) -> bool:
        """Whether the console is."""
        return self._console.congested

    async def drain(self) -> None:
        """Wait for the console."""
        await self._console.drain()

    def give_up(self) -> int:
        """The console gives up."""
        return self._console.give_up()

    def close(self) -> None:
        """Close the console."""
        self._console.close()

    def say(self, text: bytes) -> None:
        """The runner's own lines pass as they are."""
        self._console.say(text)
