"""Times of plugins' hooks, for the end of a summary: those that took long enough to matter."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from runnerlib.errors import one_line
from runnerlib.output.messages import duration

if TYPE_CHECKING:
    from collections.abc import Iterator

    from runnerlib.events import Measured

_NOTEWORTHY = 0.1
_MOST = 5


class HookTimes:
    """Sums up the calls of hooks, by plugin and hook."""

    def __init__(self) -> None:
        self._calls: dict[tuple[str, str], list[float]] = defaultdict(list)

    def add(self, event: Measured) -> None:
        """Count a call."""
        self._calls[event.name, event.phase].append(event.ended - event.started)

    def lines(self) -> Iterator[str]:
        """Yield a line for each hook whose calls took a tenth of a second together, the slowest first."""
        slow = sorted(((sum(times), key, len(times)) for key, times in self._calls.items()), reverse=True)
        for seconds, (plugin, hook), count in slow[:_MOST]:
            if seconds >= _NOTEWORTHY:
                calls = f" in {count} calls" if count > 1 else ""
                yield one_line(f"plugin '{plugin}': {hook} took {duration(seconds)}{calls}")
