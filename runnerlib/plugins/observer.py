"""Observers that plugins bring."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from runnerlib.events import Event


class Watcher:
    """An observer to subclass: `observe` gets every event of the run, everything in it masked.

    It is called where the event happens and must not take long; what it raises is told once, and it is
    told nothing more.
    """

    congested = False

    def observe(self, event: Event) -> None:
        """Take one event."""

    async def drain(self) -> None:
        """Return once there is room for more."""

    def give_up(self) -> int:
        """Nothing is held back; the number of bytes dropped."""
        return 0

    def close(self) -> None:
        """The last call."""
