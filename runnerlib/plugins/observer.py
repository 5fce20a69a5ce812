"""Base class of observers of plugins."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from runnerlib.events import Event


class Watcher:
    """An observer to subclass: `observe` gets every event of the run, with all secrets masked.

    It is called in the thread of the event and must not take long. If it raises, the error is reported once, and
    it gets no further events.
    """

    congested = False

    def observe(self, event: Event) -> None:
        """Take one event."""

    async def drain(self) -> None:
        """Wait until it can take more events."""

    def give_up(self) -> int:
        """Drop buffered output, and return the number of bytes dropped; here always 0."""
        return 0

    def close(self) -> None:
        """Called once, after the last event."""
