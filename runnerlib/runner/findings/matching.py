"""Problem matchers over what a step prints, while it passes on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from runnerlib.events import Annotated, StepOutput, StepRetrying, StepStarted, Warned
from runnerlib.events.findings import MOST_TOLD
from runnerlib.events.forwarding import ForwardingObserver
from runnerlib.output.text.lines import Lines
from runnerlib.output.text.visible import visible

if TYPE_CHECKING:
    from collections.abc import Callable

    from runnerlib.events import Event, Observer
    from runnerlib.events.findings import Finding
    from runnerlib.runner.findings.matchers import Matchers

    Shown = Callable[[Finding], Finding]


class Matching(ForwardingObserver):
    """Passes the events of a step on, and behind output the findings in the lines that a person sees; each only once.

    `load` returns the matchers of an attempt, when it starts, and what makes of a finding the one that is shown.
    """

    def __init__(self, step: str, load: Callable[[], tuple[Matchers, Shown]], observer: Observer) -> None:
        super().__init__(observer)
        self._step = step
        self._load = load
        self._loaded: tuple[Matchers, Shown] | None = None
        self._lines = Lines()
        self._told: set[Finding] = set()
        self._full = False

    def observe(self, event: Event) -> None:
        """Pass one event on."""
        if isinstance(event, StepRetrying):
            self.end()
        super().observe(event)
        if isinstance(event, StepStarted):
            self._loaded = self._load()
        elif isinstance(event, StepOutput):
            self._look(self._lines.feed(event.data))

    def end(self) -> None:
        """Look at the last line, which may have no line break."""
        self._look(self._lines.end())

    def _look(self, parts: list[bytes]) -> None:
        if self._loaded is None:
            return
        matchers, shown = self._loaded
        for part in parts:
            for line in part.removesuffix(b"\n").split(b"\n"):
                for found in matchers.feed(visible(line)):
                    self._tell(shown(found))

    def _tell(self, found: Finding) -> None:
        if found in self._told or self._full:
            return
        if len(self._told) == MOST_TOLD:
            self._full = True
            text = f"problem matchers: {MOST_TOLD} findings are told, the others are not"
            super().observe(Warned(text, self._step))
            return
        self._told.add(found)
        super().observe(Annotated(self._step, found))
