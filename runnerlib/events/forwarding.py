"""Base classes of observers: one that passes events on, and one that never makes a step wait."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from runnerlib.events import Event, Observer


class ForwardingObserver:
    """An observer that passes every event to `observer`, and is congested while that one is.

    Subclasses override `observe`. An observer needs no base class: whatever has its methods is one.
    """

    def __init__(self, observer: Observer) -> None:
        self._observer = observer

    @property
    def congested(self) -> bool:
        """True while the observer behind this one is congested."""
        return self._observer.congested

    def observe(self, event: Event) -> None:
        """Pass one event on."""
        self._observer.observe(event)

    async def drain(self) -> None:
        """Wait for the observer behind this one."""
        await self._observer.drain()


class UnbufferedObserver:
    """An observer that has nothing queued, so it is never congested and has nothing to drop.

    Subclasses override `observe`, and `close` if they hold resources.
    """

    congested = False

    def observe(self, event: Event) -> None:
        """Take one event."""

    async def drain(self) -> None:
        """Return at once: nothing is queued."""

    def give_up(self) -> int:
        """Drop nothing; return 0."""
        return 0

    def close(self) -> None:
        """Release nothing: there are no resources."""
