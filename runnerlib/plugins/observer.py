"""Base class of observers of plugins."""

from __future__ import annotations

from typing import TYPE_CHECKING

from runnerlib.events.forwarding import UnbufferedObserver

if TYPE_CHECKING:
    from runnerlib.events import Event


class Watcher(UnbufferedObserver):
    """An observer to subclass: `observe` gets every event of the run, with all secrets masked.

    It is called in the thread of the event and must not take long. If it raises, the error is reported once, and
    it gets no further events.
    """

    def observe(self, event: Event) -> None:
        """Take one event."""

    def close(self) -> None:
        """Called once, after the last event."""
