"""Order of the blocks: the oldest running step is shown live, the others when they have ended.

So every step is one block of the output, something is always moving, and nothing is mixed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from runnerlib.output.modes.backlog import Backlog, SpooledOutput

if TYPE_CHECKING:
    from collections.abc import Callable

    from runnerlib.events.result import StepResult


class Frame(NamedTuple):
    """The lines around the output of a step.

    `opening` gets the result of a step that is shown afterwards. `meanwhile` is what is written at once when a step
    ends that is not shown yet, if anything.
    """

    opening: Callable[[str, StepResult | None], bytes]
    closing: Callable[[StepResult], bytes]
    meanwhile: Callable[[StepResult], bytes]


class Turns:
    """Blocks of whole lines, one after the other, through `backlog`."""

    def __init__(self, backlog: Backlog, frame: Frame) -> None:
        self._backlog = backlog
        self._frame = frame
        self._current: str | None = None
        self._waiting: dict[str, SpooledOutput] = {}  # in the order they started
        self._ended: dict[str, StepResult] = {}  # in the order they ended
        self._between: list[bytes] = []

    @property
    def current(self) -> str | None:
        """The step that is shown as it runs."""
        return self._current

    def start(self, step: str) -> None:
        """Begin the block of `step`; nothing happens if it has one, as for a second attempt."""
        if self._current is None:
            self._show(step, None)
        elif step not in self._waiting and step != self._current:
            self._waiting[step] = SpooledOutput()

    def write(self, step: str, lines: bytes) -> None:
        """Put `lines` into the block of `step`."""
        if not lines:
            return
        if step == self._current:
            self._backlog.write(lines)
        elif step in self._waiting:
            self._waiting[step].write(lines)
        else:
            self.between(lines)

    def between(self, lines: bytes) -> None:
        """Put `lines` outside of the blocks, as soon as none is open."""
        if self._current is None:
            self._backlog.write(lines)
        else:
            self._between.append(lines)

    def finish(self, result: StepResult) -> None:
        """End the block of a started step; if it was the current one, the next begins."""
        if result.name != self._current:
            self._ended[result.name] = result
            note = self._frame.meanwhile(result)
            if note:
                self._backlog.write(note)
            return
        self._end(result)
        for name, ended in self._ended.items():
            self._show(name, ended)
            self._end(ended)
        self._ended.clear()
        if self._waiting:
            self._show(next(iter(self._waiting)), None)

    def started(self, step: str) -> bool:
        """Return whether `step` has a block."""
        return step == self._current or step in self._waiting

    def close(self) -> None:
        """Discard the blocks that wait."""
        for spill in self._waiting.values():
            spill.close()
        self._waiting.clear()

    def _show(self, step: str, result: StepResult | None) -> None:
        self._current = step
        self._backlog.write(self._frame.opening(step, result))
        spill = self._waiting.pop(step, None)
        if spill is not None:
            self._backlog.follow(spill)

    def _end(self, result: StepResult) -> None:
        self._backlog.write(self._frame.closing(result))
        self._current = None
        between, self._between = self._between, []
        for lines in between:
            self._backlog.write(lines)
