"""Files of steps that are kept from run to run: the contract of a job's caches with the engine."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from runnerlib._util.values import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from runnerlib.events.result import Exports
    from runnerlib.pipeline.job import Step


class UpToDate(NamedTuple):
    """A step that does not run, because nothing that it depends on has changed: why, and what it hands on."""

    reason: str
    exports: Exports


class StepCache(Protocol):
    """The files that steps find as earlier runs left them; no call blocks the loop, and none makes a step fail."""

    async def before(self, step: Step, env: Mapping[str, str], directory: Path) -> UpToDate | None:
        """Restore the caches of a step; return that it is up to date if it need not run."""

    async def after(self, step: Step, exports: Exports) -> None:
        """Save the caches of a step that has succeeded."""
