"""A job whose runs an earlier job names in its output: they are made when their turn comes."""

from __future__ import annotations

import asyncio
import json
import time
from typing import TYPE_CHECKING, Any, cast

from runnerlib.errors import ConfigError, RunnerError, one_line
from runnerlib.events.result import StepResult
from runnerlib.pipeline.workflow import combined, expand
from runnerlib.pipeline.workflow.job import NOTHING
from runnerlib.pipeline.workflow.model import Workflow
from runnerlib.runner.planner import plan_job
from runnerlib.runner.workflow.backend import JobOutcome
from runnerlib.runner.workflow.job_outputs import JobOutputs
from runnerlib.runner.workflow.plan import body, workspace_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from runnerlib.pipeline.workflow import Instance, WorkflowJob
    from runnerlib.runner.workflow.backend import RunningJob
    from runnerlib.runner.workflow.plan import WorkflowPlan


class FannedJob:
    """All runs of a job as one job; `make` makes one of them, `before` has the results of what it waited for."""

    def __init__(
        self,
        plan: WorkflowPlan,
        instance: Instance,
        before: Sequence[StepResult],
        make: Callable[[Instance], RunningJob],
    ) -> None:
        self._plan = plan
        self._instance = instance
        self._before = before
        self._make = make
        self._jobs: list[RunningJob] = []
        self._stopped: tuple[int, bool] | None = None

    def stop(self, signum: int, *, at_once: bool = False) -> None:
        """Stop all runs; no further one begins."""
        self._stopped = signum, at_once
        for job in self._jobs:
            job.stop(signum, at_once=at_once)

    async def run(self) -> JobOutcome:
        """Make the runs, and run them, as many at a time as the workflow runs jobs."""
        started = time.time()
        try:
            runs = self._runs()
        except RunnerError as error:
            result = StepResult(
                self._instance.name, "failure", 1, str(error), "outputs", started=started, ended=time.time()
            )
            return JobOutcome(result)
        if not runs:
            reason = f"the output '{self._fan_out.output}' of job '{self._fan_out.job}' names nothing to run for"
            return JobOutcome(StepResult(self._instance.name, "skipped", 0, reason, "condition"))
        limit = min(self._instance.job.max_runs or self._plan.capacity, self._plan.capacity)
        room = asyncio.Semaphore(limit)
        tasks = [asyncio.ensure_future(self._one(run, room)) for run in runs]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)
        finally:  # none is left when this is cancelled, or one run raises an error
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        return self._together([task.result() for task in tasks])

    @property
    def _fan_out(self) -> Any:
        return self._instance.job.fan_out

    def _runs(self) -> list[Instance]:
        """Return the runs, planned as those that are known beforehand. Raises ConfigError for an unusable output."""
        job = self._told()
        if not (job.for_each or job.matrix):
            return []
        Workflow(jobs=[job._replace(depends_on=(), download=(), condition="always")]).check()
        runs = expand(job)
        plan = self._plan
        given = plan.requests[self._instance.name]
        for one in runs:
            # What another job wrote is no reference to a secret: its values come as those of other jobs do.
            planned_job = body(one)
            own = {name: value for name, value in planned_job.env.items() if name not in one.env}
            request = given._replace(
                job=planned_job.replaced(env=own),
                upstream=one.env,
                workspace=workspace_of(plan.front.workspace, one.name),
            )
            planned = plan_job(request, plan.services)
            cast("dict[str, Any]", plan.requests)[one.name] = request
            cast("dict[str, Any]", plan.plans)[one.name] = planned
            cast("dict[str, Any]", plan.instances)[one.name] = one
        return runs

    def _told(self) -> WorkflowJob:
        """Return the job with what the output says it runs for. Raises ConfigError."""
        name, output, kind = self._fan_out
        texts = [one.outputs[output] for one in self._before if _is_of(one.name, name) and output in one.outputs]
        where = f"{kind}: the output '{output}' of job '{one_line(name)}'"
        if not texts:
            raise ConfigError(f"{where} was not written")
        try:
            found = json.loads(texts[-1])
        except (ValueError, RecursionError):
            raise ConfigError(f"{where} is no JSON") from None
        job = self._instance.job._replace(fan_out=None)
        if kind == "for_each" and isinstance(found, list):
            return job._replace(for_each=tuple(found))
        if kind == "matrix" and isinstance(found, dict):
            return job._replace(matrix={key: _several(values) for key, values in found.items()} or NOTHING)
        raise ConfigError(f"{where} is no JSON {'list' if kind == 'for_each' else 'mapping'}")

    async def _one(self, run: Instance, room: asyncio.Semaphore) -> JobOutcome:
        async with room:
            if self._stopped is not None:
                return JobOutcome(StepResult(run.name, "cancelled", 0, "the job was stopped", "cancelled"))
            job = self._make(run)
            self._jobs.append(job)
            outcome = await job.run()
        if run.job.fail_fast and outcome.result.outcome == "failure" and self._stopped is None:
            self.stop(15)
        return outcome

    def _together(self, outcomes: Sequence[JobOutcome]) -> JobOutcome:
        """Return the outcomes of all runs as one."""
        whole = combined(self._instance.name, [one.result for one in outcomes])
        handed_on = JobOutputs(
            {name: text for one in outcomes for name, text in one.handed_on.outputs.items()},
            {name: value for one in outcomes for name, value in one.handed_on.vars.items()},
        )
        failed = next((one.failed_step for one in outcomes if one.failed_step), "")
        return JobOutcome(whole, handed_on, failed)


def _is_of(name: str, job: str) -> bool:
    return name == job or (name.startswith(f"{job}[") and name.endswith("]"))


def _several(values: object) -> tuple[Any, ...]:
    return tuple(values) if isinstance(values, list) else (values,)
