"""Base class for console filters, which change the events that a console gets."""

from __future__ import annotations

from typing import TYPE_CHECKING

from runnerlib.events.forwarding import ForwardingObserver

if TYPE_CHECKING:
    from runnerlib.output.protocol import Console


class Filter(ForwardingObserver):
    """A filter that passes every event to `console`; subclasses override `observe`."""

    def __init__(self, console: Console) -> None:
        super().__init__(console)
        self._console = console

    def give_up(self) -> int:
        """Abort the output of the console; return the number of bytes dropped."""
        return self._console.give_up()

    def close(self) -> None:
        """Close the console."""
        self._console.close()

    def say(self, text: bytes) -> None:
        """Pass lines of the runner itself on unchanged."""
        self._console.say(text)
