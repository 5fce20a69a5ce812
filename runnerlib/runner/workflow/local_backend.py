"""Local backend: runs a job of a workflow in its own workspace, with its steps as processes of this runner.

All jobs share the runner's process: one masker knows all secrets of all jobs, one supervisor ends every process
whatever happens to the runner, one socket registers secrets for all, and starting a job starts no program. Each job
has its own workspace, environment, scratch files of its steps and journal.
"""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

from runnerlib._util.cancellation import Stop
from runnerlib._util.paths import RECORDS_VARIABLE
from runnerlib.errors import ConfigError, Interrupted, RunnerError
from runnerlib.events import StepFinished, Warned
from runnerlib.events.result import StepResult
from runnerlib.runner.journal import Selection
from runnerlib.runner.planner import Planner, plan_job
from runnerlib.runner.run import hooks_of, run_job
from runnerlib.runner.workflow.artifacts import store_of, upload
from runnerlib.runner.workflow.backend import JobInputs, JobOutcome
from runnerlib.runner.workflow.event_relay import JobEventRelay, ThreadsafeObserver
from runnerlib.runner.workflow.job_driver import JobDriver, Shared
from runnerlib.runner.workflow.job_outputs import collect, tell
from runnerlib.runner.workflow.status_records import Record
from runnerlib.runner.workflow.threads import in_thread

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from runnerlib.events import Observer
    from runnerlib.events.result import Cause, JobResult, Outcome, Usage
    from runnerlib.pipeline.workflow import Instance
    from runnerlib.runner.plan import JobPlan
    from runnerlib.runner.steps import Site
    from runnerlib.runner.workflow.plan import WorkflowPlan


class LocalBackend:
    """Backend that runs jobs on this machine."""

    def __init__(self, plan: WorkflowPlan, site: Site, records: Path) -> None:
        self.plan = plan
        self.records = records
        self.artifacts = plan.front.workspace.artifacts
        self.shared = Shared(plan, site, records)

    def job(
        self, instance: Instance, known: JobInputs, names: Mapping[str, str], shown: str, observer: Observer
    ) -> LocalJob:
        """Make a job, ready to run; `names` of its steps and its own name `shown` are for events, and masked."""
        return LocalJob(self, instance, known, JobEventRelay(shown, names, observer))


class LocalJob:
    """A job on this machine; call `run` once, and `stop` at any time before, during or after."""

    def __init__(self, backend: LocalBackend, instance: Instance, known: JobInputs, voice: JobEventRelay) -> None:
        self._backend = backend
        self._instance = instance
        self._known = known
        self._voice = voice
        self._names = voice.names
        self._stop = Stop()
        self._stopped = asyncio.Event()
        self._mask = backend.plan.masker.mask_string

    def stop(self, signum: int, *, at_once: bool = False) -> None:
        """Stop the job; `at_once`, or at the second call, all its processes are killed."""
        for _ in range(1 + (at_once and not self._stop.signum)):
            self._stop.request(signum)
        self._stopped.set()

    async def run(self) -> JobOutcome:
        """Run the job to its end. Raises OutputError when the observer can take no more."""
        started = time.time()
        try:
            record = Record(self._backend.records, self._instance.job.name, self._instance.name)
        except RunnerError as error:
            return self._not_run(error, started)
        try:
            record.started(started)
            try:
                end = await self._run(started)
            except RunnerError as error:
                end = self._not_run(error, started)
            except OSError as error:  # a failure of this job only
                end = self._not_run(
                    RunnerError(f"cannot run the job: {(error.strerror or str(error)).lower()}"), started
                )
            outputs = {name: text for name, text in end.handed_on.outputs.items() if self._mask(text) == text}
            record.ended(end.result._replace(reason=self._mask(end.result.reason)), outputs)
        finally:
            record.close()
        return end

    async def _run(self, started: float) -> JobOutcome:
        planner = self._planner()
        driver = JobDriver(self._backend.shared, self._instance, self._stop, self._stopped, self._voice)
        result = await run_job(planner, hooks_of(planner), driver, ThreadsafeObserver(self._voice))
        end, plan = self._end(result, started), planner.plan()
        try:
            if result.success:
                handed_on = collect(self._instance, result, plan.workspace.base, self._known.vars)
                end = JobOutcome(end.result._replace(outputs=handed_on.outputs), handed_on)
            await self._upload(plan, optional=not result.success)
        except RunnerError as error:
            return self._spoilt(end, error)
        return end

    def _planner(self) -> Planner[JobPlan]:
        """Return the planner of the job, with the outputs of the jobs before it."""
        plan, instance = self._backend.plan, self._instance
        base = plan.plans[instance.name].workspace.base
        variables = tell(instance, base, self._known.vars, self._known.before, plan.masker)
        variables[RECORDS_VARIABLE] = str(self._backend.records)
        selection = Selection(resume=True) if plan.selection.resume and self._known.attempt == 1 else None
        request = plan.requests[instance.name]
        request = request._replace(upstream={**variables, **request.upstream}, selection=selection)
        services = plan.services.for_job()
        if services.trace is not None:
            services.trace = services.trace._replace(names=self._names)
        return Planner(request, services, plan_job)

    async def _upload(self, plan: JobPlan, *, optional: bool) -> None:
        """Store the artifacts; after a failed job, those that exist."""
        patterns = self._instance.job.upload
        if not patterns:
            return
        if_no_files = "ignore" if optional else self._instance.job.if_no_files
        store = store_of(self._backend.artifacts, self._instance.name)
        try:
            warnings = await in_thread(lambda: upload(patterns, plan.job_dir, plan.workspace.base, store, if_no_files))
        except RunnerError as error:
            if not optional:
                raise
            warnings = (str(error),)
        for warning in warnings:
            self._voice.observe(Warned(self._mask(warning)))

    def _end(self, result: JobResult, started: float) -> JobOutcome:
        """Return the outcome of the job, from the result of its steps."""
        failed = next((step for step in result.steps if step.required and step.outcome == "failure"), None)
        stopped = self._stop.signum and result.exit_code == 128 + self._stop.signum
        outcome: Outcome = "success" if result.success else "cancelled" if stopped else "failure"
        cause: Cause = (
            ""
            if result.success
            else "cancelled"
            if stopped
            else failed.cause
            if failed
            else "timeout"
            if result.exit_code == 124
            else "tampered"
        )
        usages = [step.usage for step in result.steps if step.usage is not None]
        attempts = max((step.attempts for step in result.steps if step.cause != "restored"), default=0)
        ended = StepResult(
            self._instance.name,
            outcome=outcome,
            exit_code=result.exit_code,
            # A command is the only step of its job, with its name.
            reason=failed.reason if failed and not stopped and self._instance.job.command else result.reason,
            cause=cause,
            attempts=attempts,
            started=started,
            ended=time.time(),
            usage=_sum(usages),
        )
        return JobOutcome(ended, failed_step=self._names[failed.name] if failed is not None else "")

    def _spoilt(self, end: JobOutcome, error: RunnerError) -> JobOutcome:
        """Return the outcome of a job that failed after its steps, with its outputs or artifacts."""
        self._voice.observe(Warned(self._mask(str(error))))
        if not end.result.success:
            return end
        result = end.result._replace(outcome="failure", exit_code=1, reason=str(error), cause="outputs", outputs={})
        return JobOutcome(result)

    def _not_run(self, error: RunnerError, started: float) -> JobOutcome:
        """Return the outcome of a job that could not start; emit StepFinished for each step not yet reported."""
        stopped, config = isinstance(error, Interrupted), self._backend.plan.front.config
        result = StepResult(
            self._instance.name,
            outcome="cancelled" if stopped else "failure",
            exit_code=config.config_exit_code if isinstance(error, ConfigError) else error.exit_code,
            reason=str(error),
            cause="cancelled" if stopped else "runner",
            started=started,
            ended=time.time(),
        )
        for number, shown in enumerate(self._names.values()):
            if shown not in self._voice.finished:
                reason = "the job could not be run"
                skipped = StepResult(shown, outcome="skipped", exit_code=0, reason=reason, cause="dependency")
                if not number:
                    skipped = result._replace(name=shown, reason=self._mask(str(error)))
                self._voice.say(StepFinished(skipped))
        return JobOutcome(result)


def _sum(usages: Iterable[Usage]) -> Usage | None:
    total: Usage | None = None
    for usage in usages:
        total = usage if total is None else total + usage
    return total
