"""Summary of a workflow: what failed first and why, its last lines, then every job in a table."""

from __future__ import annotations

from typing import TYPE_CHECKING

from runnerlib.errors import one_line
from runnerlib.events import JobFinished, WorkflowFinished
from runnerlib.output.summary import Summary
from runnerlib.output.text.messages import duration

if TYPE_CHECKING:
    from runnerlib.events import Event
    from runnerlib.events.result import WorkflowResult

_BAD = {"failure", "cancelled"}


class JobsSummary(Summary):
    """Writes the summary when the workflow has finished; events of jobs and steps are recorded before."""

    heading = "job"

    def observe(self, event: Event) -> None:
        """Record an event; write the summary at the end."""
        if isinstance(event, WorkflowFinished):
            self.say_lines(self._whole(event.result))
        elif not isinstance(event, JobFinished):
            super().observe(event)

    def _whole(self, result: WorkflowResult) -> list[str]:
        lines = ["", self._told_first(result)]
        if result.failed_step:
            lines += self.last_lines(result.failed_step)
        return [*lines, "", *self.table(result.jobs), *self.told_masked()]

    def _told_first(self, result: WorkflowResult) -> str:
        name = f"workflow '{one_line(result.name)}'"
        took = duration(result.ended - result.started)
        if result.success:
            return self.look.paint(f"{name} succeeded in {took}", "1;32")
        failed = sum(job.outcome in _BAD for job in result.jobs)
        others = f" ({failed} jobs failed)" if failed > 1 else ""
        return self.look.paint(one_line(f"{name} failed after {took}: {result.reason}{others}"), "1;31")
