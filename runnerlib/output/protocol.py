"""Interfaces of observers that hold resources, and of consoles."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from runnerlib.events import Observer

if TYPE_CHECKING:
    from runnerlib.output.capabilities import TerminalCapabilities
    from runnerlib.output.streams import Streams


class Listener(Observer, Protocol):
    """An observer of a whole job, with an end."""

    def give_up(self) -> int:
        """Drop the bytes queued for readers, and refuse more; return the number of bytes dropped."""

    def close(self) -> None:
        """Release all resources, after the last event or without one; raises OutputError for a report not written."""


class Console(Listener, Protocol):
    """An observer that shows a job to the user."""

    def say(self, text: bytes) -> None:
        """Show whole lines of the runner after all that was shown so far."""


class MakeConsole(Protocol):
    """Makes the console of an output mode."""

    def __call__(self, streams: Streams, look: TerminalCapabilities, /) -> Console:
        """Return a console that writes to `streams`, for the capabilities in `look`."""
