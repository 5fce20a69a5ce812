"""Where the system has room for some steps only, the others wait until one of these has ended."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


class Room:
    """How many steps run, and who waits for the end of one; to be used by one thread at a time."""

    def __init__(self) -> None:
        self.running = 0
        self.told = False  # that there is not enough
        self._waiting: deque[Callable[[], object]] = deque()

    def enter(self) -> None:
        """A step has been started."""
        self.running += 1

    def leave(self) -> None:
        """A step has ended: all who wait are told, the first one first."""
        self.running -= 1
        waiting, self._waiting = self._waiting, deque()
        for told in waiting:
            told()

    def wait(self, told: Callable[[], object]) -> None:
        """Call `told` once, when a step has ended."""
        self._waiting.append(told)
