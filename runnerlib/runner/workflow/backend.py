"""Contract between the scheduler of a workflow and the place where its jobs run: this machine, or others.

The scheduler knows the graph, the conditions and what is shown; a backend knows how one job runs. A second backend is a
class with these methods; it needs nothing of `local_backend`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from runnerlib.runner.workflow.job_outputs import NOTHING, JobOutputs

if TYPE_CHECKING:
    from collections.abc import Mapping

    from runnerlib.events import Observer
    from runnerlib.events.result import StepResult
    from runnerlib.pipeline.workflow import Instance


class JobInputs(NamedTuple):
    """Inputs of a job at its start: the workflow's variables, and the results of the jobs it waited for.

    `attempt` counts from 1; a job that is tried again begins anew.
    """

    vars: Mapping[str, Any]
    before: tuple[StepResult, ...]
    attempt: int = 1


class JobOutcome(NamedTuple):
    """Outcome of a job: result, outputs, and the name of the failed step as in events."""

    result: StepResult
    handed_on: JobOutputs = NOTHING
    failed_step: str = ""


class RunningJob(Protocol):
    """A job on a backend; call `run` once, and `stop` at any time before, during or after."""

    async def run(self) -> JobOutcome:
        """Run the job to its end. Raises OutputError when the observer can take no more events.

        A job that cannot run is an outcome, not an error. When this is cancelled, nothing of the job is left.
        """
        ...

    def stop(self, signum: int, *, at_once: bool = False) -> None:
        """Stop the job; `at_once`, or at the second call, all its processes are killed. Returns at once."""


class JobBackend(Protocol):
    """Backend of a workflow. All calls come from the scheduler's event loop.

    1. `job` makes a job whose dependencies have ended and whose condition is true. It does not block and starts
       nothing.
    2. The scheduler awaits `run` in a task of its own; several jobs run at a time, as many as the plan allows.
    3. While it runs, the job reports to `observer`, from the same loop, in this order for each step: StepStarted,
       StepOutput any number of times, StepRetrying before a further attempt, StepFinished once. A step that never
       starts has StepFinished alone. All texts are masked and use the given names.
    4. `stop` may come at any time: at a signal, when the runner fails, and once more for jobs that do not end.
    5. `run` returns the outcome after the last event. The scheduler then decides about the jobs that wait for it.

    The plan of the workflow comes with the constructor, and the masker with it. What a job says of itself is the
    backend's part: its record in `status_records`, its artifacts, and that no secret is in any text.
    """

    def job(
        self, instance: Instance, known: JobInputs, names: Mapping[str, str], shown: str, observer: Observer
    ) -> RunningJob:
        """Make a job, ready to run; `names` of its steps and its own name `shown` are for events, and masked."""
        ...
