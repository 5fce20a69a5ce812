"""Summary of a workflow: every job in a table, the last lines of the steps that failed, and one headline."""

from __future__ import annotations

from typing import TYPE_CHECKING

from runnerlib.events import WorkflowFinished
from runnerlib.output.summary import Summary

if TYPE_CHECKING:
    from runnerlib.events import Event
    from runnerlib.events.result import JobResult, StepResult


class JobsSummary(Summary):
    """Writes the summary when the workflow has finished; events of jobs and steps are recorded before."""

    heading = "job"
    noun = "workflow"
    _steps: tuple[StepResult, ...] = ()

    def observe(self, event: Event) -> None:
        """Record an event; write the summary at the end."""
        if isinstance(event, WorkflowFinished):
            self.say_lines([*self.whole(event.result, event.result.jobs, self._steps)])
        else:
            super().observe(event)

    def conclude(self, job: JobResult) -> None:
        """Keep the results of all steps; the workflow finishes next."""
        self._steps = job.steps
