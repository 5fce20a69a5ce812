"""Findings of steps about the source: the contract of what reads them with the engine."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from runnerlib.events import Observer
    from runnerlib.pipeline.job import Step

    Annotate = Callable[[Step, str, str], object]
    """Emits the findings of a step in the text of its annotations; events carry the name that comes last."""


class StepFindings(Protocol):
    """Finds what steps say about the source, in output and reports. No call blocks, and none makes a step fail."""

    def matching(self, step: Step, shown: str, directory: Callable[[Step], Path], observer: Observer) -> Observer:
        """Return an observer that passes the events of a step on, with the findings in its output."""

    async def collect(self, step: Step, shown: str, directory: Path) -> None:
        """Emit what is left of the findings of a step that has run in `directory`; events carry the name `shown`."""
