"""Findings of steps about the source: the contract of what reads them with the engine."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from pathlib import Path

    from runnerlib.pipeline.job import Step


class StepFindings(Protocol):
    """Reads the reports that steps have written; no call blocks the loop, and none makes a step fail."""

    async def collect(self, step: Step, shown: str, directory: Path) -> None:
        """Emit the findings in the reports of a step that has run in `directory`; events carry the name `shown`."""
