"""Admission of steps: where resources suffice for some steps only, further ones wait until a running step ends."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


class Room:
    """Count of running steps, and a queue of callbacks for the end of one. To be used by one thread at a time."""

    def __init__(self) -> None:
        self.running = 0
        self.told = False  # that there is not enough
        self._waiting: deque[Callable[[], object]] = deque()

    def enter(self) -> None:
        """Count a step that has started."""
        self.running += 1

    def leave(self) -> None:
        """Count a step that has ended, and call every waiting callback, in the order of their arrival."""
        self.running -= 1
        waiting, self._waiting = self._waiting, deque()
        for told in waiting:
            told()

    def wait(self, told: Callable[[], object]) -> None:
        """Call `told` once, when a step has ended."""
        self._waiting.append(told)
