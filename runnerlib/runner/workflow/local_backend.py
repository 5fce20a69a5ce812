"""Local backend: runs a job of a workflow in its own workspace, with its steps as processes of this runner.

All jobs share the runner's process: one masker knows all secrets of all jobs, one supervisor ends every process
whatever happens to the runner, one socket registers secrets for all, and starting a job starts no program. Each job
has its own workspace, environment, scratch files of its steps and journal.
"""

from __future__ import annotations

import asyncio
import time
from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from runnerlib._util.cancellation import Stop
from runnerlib._util.paths import RECORDS_VARIABLE
from runnerlib.errors import Interrupted, RunnerError
from runnerlib.events import StepFinished, Warned
from runnerlib.events.result import StepResult
from runnerlib.executor.container import INSIDE, ContainerSpec, contained, hand_over
from runnerlib.output.log.file_names import file_name
from runnerlib.pipeline.workflow.expansion import instance_names
from runnerlib.runner.environment import without_private
from runnerlib.runner.execute import host_of
from runnerlib.runner.journal import Selection
from runnerlib.runner.plan import plan_job
from runnerlib.runner.planner import Planner
from runnerlib.runner.run import job_run, journal_of, prepare_workspace, tell_triggers
from runnerlib.runner.workflow.artifacts import download, store_of, upload
from runnerlib.runner.workflow.backend import JobInputs, JobOutcome
from runnerlib.runner.workflow.event_relay import JobEventRelay, ThreadsafeObserver
from runnerlib.runner.workflow.job_outputs import collect, tell
from runnerlib.runner.workflow.plan import body
from runnerlib.runner.workflow.status_records import Record
from runnerlib.runner.workflow.threads import in_thread
from runnerlib.source.safe_tree import remove_tree

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Coroutine, Iterable, Mapping
    from pathlib import Path

    from runnerlib.events import Observer
    from runnerlib.events.result import Cause, JobResult, Outcome, Usage
    from runnerlib.executor.protocol import Executor
    from runnerlib.pipeline.workflow import Instance
    from runnerlib.runner.journal import Journal
    from runnerlib.runner.plan import JobPlan
    from runnerlib.runner.plugin_host.host import PluginHost
    from runnerlib.runner.workflow.plan import WorkflowPlan

T = TypeVar("T")


class LocalBackend:
    """Backend that runs jobs on this machine."""

    def __init__(self, plan: WorkflowPlan, executor: Executor, socket: Path, records: Path) -> None:
        self.plan = plan
        self.executor = executor
        self.socket = socket
        self.records = records
        self.artifacts = plan.front.workspace.artifacts

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
        self._masker = backend.plan.masker
        self._mask = self._masker.mask_string

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
        with journal_of(planner.plan()) as journal:
            async with self._living(planner) as life:
                prepared = await self._prepared(planner, journal, life)
                result = await self._steps(prepared, journal, life)
                if life is not None:
                    life.ended(result)
            if life is None:
                result = await in_thread(
                    partial(tell_triggers, prepared, self._masker, result, ThreadsafeObserver(self._voice))
                )
            else:
                result = life.result or result
            end = self._end(result, started)
            try:
                if result.success:
                    handed_on = collect(self._instance, result, prepared.workspace.base, self._known.vars)
                    end = JobOutcome(end.result._replace(outputs=handed_on.outputs), handed_on)
                await self._upload(prepared, optional=not result.success)
            except RunnerError as error:
                return self._spoilt(end, error)
            return end

    def _planner(self) -> Planner[JobPlan]:
        """Return the planner of the job, with the outputs of the jobs before it."""
        place, instance = self._backend, self._instance
        base = place.plan.plans[instance.name].workspace.base
        told = tell(instance, base, self._known.vars, self._known.before, self._masker)
        told[RECORDS_VARIABLE] = str(place.records)
        wish = Selection(resume=True) if place.plan.wish.resume else None
        request = place.plan.requests[instance.name]._replace(job=body(instance, told), wish=wish)
        return Planner(request, place.plan.services.for_job(), plan_job)

    @asynccontextmanager
    async def _living(self, planner: Planner[JobPlan]) -> AsyncIterator[PluginHost | None]:
        """Fire the phases of plugins around the job. Raises RunnerError when a plugin fails."""
        life = host_of(planner)
        if life is None:
            yield None
            return
        living = life.around_run(ThreadsafeObserver(self._voice), self._stop)
        await in_thread(living.__enter__)
        try:
            yield life
        except BaseException as error:
            await in_thread(partial(living.__exit__, type(error), error, error.__traceback__))
            raise
        await in_thread(partial(living.__exit__, None, None, None))

    async def _prepared(self, planner: Planner[JobPlan], journal: Journal | None, life: PluginHost | None) -> JobPlan:
        """Put the sources and artifacts into the workspace. Raises RunnerError, or Interrupted when stopped."""
        observer = ThreadsafeObserver(self._voice)
        return await self._unless_stopped(in_thread(lambda: self._prepare(planner, journal, observer, life)))

    async def _unless_stopped(self, work: Coroutine[Any, Any, T]) -> T:
        """Wait for `work` and return its result; abandon it and raise Interrupted when the job is stopped."""
        return await self._stop.unless(self._stopped, work)

    def _prepare(
        self, planner: Planner[JobPlan], journal: Journal | None, observer: ThreadsafeObserver, life: PluginHost | None
    ) -> JobPlan:
        if life is not None:
            life.begin()
        plan = prepare_workspace(planner, journal, observer, self._stop, life)
        workflow = self._backend.plan.workflow
        for wanted in self._instance.job.download:
            self._stop.check()
            names = instance_names(workflow.job(wanted.job))
            to = f"{plan.job_dir}/{wanted.to}" if wanted.to else f"{plan.workspace.artifacts}/{wanted.job}"
            download(wanted, names, self._backend.artifacts, plan.workspace.resolve(to, "the target of a download"))
        return plan

    async def _steps(self, plan: JobPlan, journal: Journal | None, life: PluginHost | None) -> JobResult:
        place = self._backend
        async with self._executor(plan) as (executor, scratch):
            observer = self._voice if life is None else life.beside(self._voice)
            if executor is not place.executor:
                plan = plan.apart()
            job = job_run(plan, self._masker, journal, observer, executor, place.socket, life, scratch=scratch)
            with self._stop.reaching(asyncio.get_running_loop(), job.stop):
                return await job.run()

    @asynccontextmanager
    async def _executor(self, plan: JobPlan) -> AsyncIterator[tuple[Executor, Path]]:
        """Yield the executor of the steps, local or in a container, and the scratch directory.

        A container gets the scratch directory as a mount: in its workspace it could replace it by a link.
        """
        place, image = self._backend, self._instance.job.image or self._backend.plan.front.image
        scratch = plan.workspace.own("scratch")
        if image is None or place.plan.engine is None:
            yield place.executor, scratch
            return
        await in_thread(lambda: hand_over(plan.workspace.base))
        scratch = self._private_scratch()
        try:
            hand_over(scratch)
            wish = self._wish(plan, image, scratch)
            async with contained(place.plan.engine, wish, place.executor, self._unless_stopped) as executor:
                yield executor, scratch
        finally:
            with suppress(OSError):
                remove_tree(scratch)

    def _private_scratch(self) -> Path:
        """Make an empty directory in the workflow's workspace, which no container sees.

        A run that was killed may have left one there.
        """
        whole, name = self._backend.plan.front.workspace, file_name(self._instance.name)
        remove_tree(whole.own("scratch", name))
        return whole.own("scratch", name)

    def _wish(self, plan: JobPlan, image: str, scratch: Path) -> ContainerSpec:
        resources = self._instance.job.resources
        return ContainerSpec(
            image=image,
            base=plan.workspace.base,
            scratch=scratch,
            environ=without_private(plan.environ),
            mounts={
                self._backend.records: f"{INSIDE}/.runnerlib/jobs",
                self._backend.socket: f"{INSIDE}/.runnerlib/secrets",
            },
            cpus=_limit(resources, "cpu"),
            memory=_limit(resources, "memory").removesuffix("i"),
        )

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
        cause: Cause = "" if result.success else "cancelled" if stopped else failed.cause if failed else "timeout"
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
        stopped = isinstance(error, Interrupted)
        result = StepResult(
            self._instance.name,
            outcome="cancelled" if stopped else "failure",
            exit_code=error.exit_code,
            reason=str(error),
            cause="cancelled" if stopped else "runner",
            started=started,
            ended=time.time(),
        )
        for number, shown in enumerate(self._names.values()):
            if shown not in self._voice.finished:
                reason = "the job could not be run"
                told = StepResult(shown, outcome="skipped", exit_code=0, reason=reason, cause="dependency")
                if not number:
                    told = result._replace(name=shown, reason=self._mask(str(error)))
                self._voice.say(StepFinished(told))
        return JobOutcome(result)


def _limit(resources: Mapping[str, Any], kind: str) -> str:
    """Return the limit of a resource as a text, from `{cpu: {limit: 2}}` or `{cpu: 2}`; "" without one."""
    given = resources.get(kind, "")
    given = given.get("limit", "") if isinstance(given, dict) else given
    return str(given).lower()


def _sum(usages: Iterable[Usage]) -> Usage | None:
    total: Usage | None = None
    for usage in usages:
        total = usage if total is None else total + usage
    return total
