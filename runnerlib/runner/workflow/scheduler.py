"""Scheduler of a workflow: starts jobs as the graph allows, and stops them at a signal."""

from __future__ import annotations

import asyncio
import signal
import time
from typing import TYPE_CHECKING, Any

from runnerlib._util.graph import reachable
from runnerlib.engine import distinct
from runnerlib.events import JobFinished, JobStarted, StepFinished, Warned, WorkflowFinished, WorkflowJobFinished
from runnerlib.events.forwarding import ForwardingObserver
from runnerlib.events.result import JobResult, StepOutcome, StepResult, WorkflowResult, stopped_by
from runnerlib.executor.local.own_process import places
from runnerlib.pipeline.workflow import Instance, JobDecider, Progress, ToApprove, as_text, first_failed, outcome_of_all
from runnerlib.runner.workflow.backend import JobInputs, JobOutcome
from runnerlib.runner.workflow.status_records import record_without_run

if TYPE_CHECKING:
    from pathlib import Path

    from runnerlib.events import Event, Observer
    from runnerlib.pipeline.surroundings import Surroundings
    from runnerlib.runner.workflow.approval import Approvals
    from runnerlib.runner.workflow.backend import JobBackend, RunningJob
    from runnerlib.runner.workflow.plan import WorkflowPlan
    from runnerlib.runner.workflow.resume import ResumeState


# Descriptors for a job with its container, and for what all jobs share; steps wait for their own ones.
_DESCRIPTORS = 12
_SPARE = 40


class WorkflowRun(ForwardingObserver):
    """A run of a workflow; call `run` once, and `stop` at any time before, during or after."""

    def __init__(
        self,
        plan: WorkflowPlan,
        memory: ResumeState,
        backend: JobBackend,
        surroundings: Surroundings,
        observer: Observer,
        records: Path,
    ) -> None:
        super().__init__(observer)
        self._plan = plan
        self._memory = memory
        self._backend = backend
        self._records = records
        self._mask = plan.masker.mask_string
        self._shown = distinct({name: self._mask(name) for name in plan.instances})
        self._names = {name: self._step_names(instance) for name, instance in plan.instances.items()}
        self._labels = distinct({name: self._mask(instance.label) for name, instance in plan.instances.items()})
        judge = JobDecider(plan.workflow, surroundings, memory.left_out, plan.forced)
        judge.vars.update({name: as_text(value) for name, value in memory.vars.items()})
        self._judge = judge
        capacity = min(plan.capacity, places(_DESCRIPTORS, _SPARE))
        self._progress = Progress(judge, capacity, memory.kept, lambda one: plan.plans[one.name].env, asks=True)
        # Jobs that the command line leaves out are not reported; with --only, reused jobs are not, either.
        self._hidden = memory.left_out | (set(memory.kept) if plan.selection.only else set())
        self._vars: dict[str, Any] = {**plan.workflow.vars, **memory.vars}
        self._told: dict[str, StepResult] = {}
        self._running: dict[asyncio.Task[JobOutcome], tuple[Instance, RunningJob]] = {}
        self._asking: dict[asyncio.Task[StepOutcome | None], Instance] = {}
        self._approvals: Approvals | None = None
        self._ending: StepOutcome | None = None
        self._stopping = asyncio.Event()
        self._failure: BaseException | None = None
        self._failed_steps: dict[str, str] = {}
        self._cleaning: asyncio.TimerHandle | None = None

    async def run(self) -> WorkflowResult:
        """Run the workflow to its end; no process of it is left then.

        Raises OutputError when the observer can take no more: the workflow is stopped then.
        """
        started = time.time()
        for warning in self._plan.warnings:
            self._tell(Warned(self._mask(warning)))
        self._tell(JobStarted(self._mask(self._plan.workflow.name), self._graph(), self._labels_of_events()))
        try:
            await self._walk()
        finally:
            await self._abandon()
        if self._failure is not None:
            raise self._failure
        result = self._result(started)
        self._tell(JobFinished(self._flat(result)))
        self._tell(WorkflowFinished(self._masked(result)))
        await self._deliver()
        if self._failure is not None:
            raise self._failure
        return result

    def stop(self, signum: int) -> None:
        """Stop the workflow because the runner got `signum`; at the second call everything is killed at once."""
        if self._ending is not None:
            self._kill_all()
            return
        self._ending = stopped_by(signum)
        self._stopping.set()
        for instance, job in self._running.values():
            if self._failure is not None or not self._judge.tidies_up(instance.name):
                job.stop(signum)
        self._ask_no_more()
        self._limit_cleanup()

    # -- as the observer of its jobs

    def observe(self, event: Event) -> None:
        """Record the results of steps, and pass the event on."""
        if isinstance(event, StepFinished):
            self._told[event.result.name] = event.result
        super().observe(event)

    # -- stopping

    def _limit_cleanup(self) -> None:
        """Start the cleanup timeout, once only cleanup jobs are left."""
        if self._ending is None or self._cleaning is not None:
            return
        if all(self._judge.tidies_up(instance.name) for instance, _ in self._running.values()):
            limit = self._plan.front.config.cleanup_timeout
            self._cleaning = asyncio.get_running_loop().call_later(limit, self._kill_all)

    def _kill_all(self) -> None:
        """Kill all running jobs, and start no others."""
        self._judge.hopeless = True
        signum = self._ending.exit_code - 128 if self._ending is not None else signal.SIGTERM
        for _instance, job in self._running.values():
            job.stop(signum, at_once=True)

    # -- walking the graph

    async def _walk(self) -> None:
        while True:
            self._start_ready()
            self._limit_cleanup()
            if not (self._running or self._asking):
                return
            await asyncio.wait((*self._running, *self._asking), return_when=asyncio.FIRST_COMPLETED)
            self._take_answers()
            done = [task for task in self._running if task.done()]
            order = {task: number for number, task in enumerate(self._running)}
            for task in sorted(done, key=order.__getitem__):
                instance, _job = self._running.pop(task)
                self._take(instance, task)

    def _start_ready(self) -> None:
        """Start or skip ready jobs, in written order, until the capacity is used or no job is ready."""
        while self._failure is None and (found := self._progress.next(self._ending)) is not None:
            if isinstance(found, StepResult):
                self._skipped(found)
            elif isinstance(found, ToApprove):
                self._ask(found.instance)
            else:
                job = self._job(found)
                self._running[asyncio.get_running_loop().create_task(job.run())] = found, job

    def _ask(self, instance: Instance) -> None:
        """Wait for somebody's yes to a job, beside those that run."""
        from runnerlib.runner.workflow.approval import approvals_of  # for the few jobs with a question

        if self._approvals is None:
            self._approvals = approvals_of(self._plan, lambda text: self._tell(Warned(self._mask(text))))
        task = asyncio.get_running_loop().create_task(self._approvals.ask(instance))
        self._asking[task] = instance

    def _take_answers(self) -> None:
        """Record the answers that have come; a question that was given up is refused as the workflow ends."""
        for task in [task for task in self._asking if task.done()]:
            name, ending = self._asking.pop(task).name, self._ending
            if task.cancelled():
                reason = ending.reason if ending is not None else "the workflow cannot go on"
                self._progress.answered(name, StepOutcome(0, reason, "cancelled"))
            elif (error := task.exception()) is not None:
                self._progress.answered(name, StepOutcome(125, str(error), "runner"))
            else:
                self._progress.answered(name, task.result())

    def _ask_no_more(self) -> None:
        for task in self._asking:
            task.cancel()

    def _job(self, instance: Instance) -> RunningJob:
        """Make a job of the backend, with its further attempts."""
        known = JobInputs(dict(self._vars), self._before(instance.name))
        names, label = self._names[instance.name], self._labels[instance.name]

        def attempt(number: int, observer: Observer) -> RunningJob:
            return self._backend.job(instance, known._replace(attempt=number), names, label, observer)

        if instance.job.fan_out is not None:
            from runnerlib.runner.workflow.fan_out import FannedJob  # few jobs have runs that an output names

            return FannedJob(self._plan, instance, known.before, self._run_of_many)
        if not instance.job.retry.max:
            return attempt(1, self)
        from runnerlib.runner.workflow.job_retry import RetriedJob  # for the few jobs that are tried again

        return RetriedJob(
            attempt, instance.job.retry, self, lambda text: self._tell(Warned(self._mask(f"{label}: {text}")))
        )

    def _run_of_many(self, instance: Instance) -> RunningJob:
        """Make one run of a job whose runs were not known beforehand."""
        self._shown[instance.name] = self._mask(instance.name)
        self._labels[instance.name] = self._mask(instance.label)
        self._names[instance.name] = self._step_names(instance)
        return self._job(instance)

    def _before(self, name: str) -> tuple[StepResult, ...]:
        """Return the results of all direct and indirect dependencies of a job, in written order."""
        if name not in self._judge.graph:  # a run that was not known beforehand
            name = self._plan.instances[name].job.name
        needed = reachable(self._judge.graph, name)
        return tuple(result for result in self._progress.in_order() if result.name in needed)

    def _take(self, instance: Instance, task: asyncio.Task[JobOutcome]) -> None:
        """Record the end of a job that was started."""
        error = task.exception()
        if error is not None:
            self._fail(error)
            end = JobOutcome(
                StepResult(instance.name, outcome="failure", exit_code=125, reason=str(error), cause="runner")
            )
        else:
            end = task.result()
        if instance.job.allow_failure and end.result.outcome == "failure":
            end = end._replace(result=end.result._replace(required=False))
        self._vars |= end.handed_on.vars
        if end.failed_step:
            self._failed_steps[instance.name] = end.failed_step
        self._progress.ended(end.result, end.handed_on.vars)
        if instance.job.fail_fast and end.result.required and end.result.outcome == "failure":
            for other, job in self._running.values():
                if other.job.name == instance.job.name:
                    job.stop(signal.SIGTERM)
        try:
            remembered = self._memory.record(end.result, end.handed_on)
        except OSError as problem:
            text = f"the journal cannot be written ({problem.strerror}): --resume will run '{instance.label}' again"
            self._tell(Warned(self._mask(text)))
        else:
            if not remembered and end.result.success:
                text = (
                    f"job '{instance.label}' hands on a secret, which is not written down: --resume will run it again"
                )
                self._tell(Warned(self._mask(text)))
        self._tell(WorkflowJobFinished(self._masked_job(end.result)))

    def _skipped(self, result: StepResult) -> None:
        """Report a job that does not run, or was done before."""
        instance = self._plan.instances[result.name]
        if result.name in self._hidden:
            return
        masked = self._masked_job(result)
        for shown in self._names[result.name].values():
            self._tell(StepFinished(masked._replace(name=shown, usage=None, outputs={})))
        if result.cause != "restored":
            record_without_run(self._records, instance.job.name, masked._replace(name=result.name))
        self._tell(WorkflowJobFinished(masked))

    # -- telling

    def _step_names(self, instance: Instance) -> dict[str, str]:
        """Return the names of a job's steps in events; a command has the name of its job."""
        shown = self._shown[instance.name]
        steps = [step.name for step in instance.job.body.steps]
        if instance.job.command is not None and len(steps) == 1:
            return {steps[0]: shown}
        return {step: f"{shown}/{name}" for step, name in distinct({step: self._mask(step) for step in steps}).items()}

    def _graph(self) -> dict[str, tuple[str, ...]]:
        """Return the graph of all steps, by names in events.

        The first steps of a job depend on the last steps of the jobs it needs.
        """
        found: dict[str, tuple[str, ...]] = {}
        last: dict[str, tuple[str, ...]] = {}
        shown = {name: one for name, one in self._plan.instances.items() if name not in self._hidden}
        graphs = {name: instance.job.body.dependencies() for name, instance in shown.items()}
        for name, graph in graphs.items():
            waited = {other for others in graph.values() for other in others}
            last[name] = tuple(self._names[name][step] for step in graph if step not in waited)
        for name, graph in graphs.items():
            names = self._names[name]
            needed = tuple(step for other in self._judge.graph[name] for step in last.get(other, ()))
            for step, others in graph.items():
                found[names[step]] = tuple(names[other] for other in others) or needed
        return found

    def _labels_of_events(self) -> dict[str, str]:
        """Return what people read in place of the names in events, of jobs and steps, where it differs."""
        found: dict[str, str] = {}
        for name, label in self._labels.items():
            shown = self._shown[name]
            if label != shown and name not in self._hidden:
                found[shown] = label
                found |= {step: label + step.removeprefix(shown) for step in self._names[name].values()}
        return found

    def _tell(self, event: Event) -> None:
        if self._failure is None:
            try:
                self.observe(event)
            except Exception as error:
                self._fail(error)

    def _fail(self, error: BaseException) -> None:
        """Record a failure of the runner or its observer, and stop every job."""
        if self._failure is None:
            self._failure = error
            for _instance, job in self._running.values():
                job.stop(signal.SIGTERM)
            self._ask_no_more()

    async def _deliver(self) -> None:
        """Wait for the reader; for a limited time only once the workflow is being stopped."""
        config = self._plan.front.config
        draining = asyncio.ensure_future(self._observer.drain())
        stopping = asyncio.ensure_future(self._stopping.wait())
        try:
            await asyncio.wait((draining, stopping), return_when=asyncio.FIRST_COMPLETED)
            if not draining.done():
                await asyncio.wait((draining,), timeout=config.grace_period + config.drain_timeout)
            if draining.done():
                draining.result()
        finally:
            for task in (draining, stopping):
                task.cancel()
            await asyncio.gather(draining, stopping, return_exceptions=True)

    async def _abandon(self) -> None:
        """End all jobs when the run itself is cancelled."""
        if self._cleaning is not None:
            self._cleaning.cancel()
        for task in (*self._running, *self._asking):
            task.cancel()
        if self._running or self._asking:
            await asyncio.wait((*self._running, *self._asking))
        if self._approvals is not None:
            self._approvals.close()

    # -- results

    def _result(self, started: float) -> WorkflowResult:
        jobs = self._progress.in_order()
        ending, failed = self._ending or outcome_of_all(jobs), first_failed(jobs)
        first = next((job.name for job in jobs if job.outcome == "failure" and job.required), "")
        failed_step = self._failed_steps.get(first, "")
        name = self._plan.workflow.name
        return WorkflowResult(
            name,
            exit_code=ending.exit_code,
            reason=ending.reason,
            jobs=jobs,
            started=started,
            ended=time.time(),
            failed_step=failed_step,
            failed_job=failed.name if failed is not None and self._ending is None else "",
        )

    def _masked_job(self, result: StepResult) -> StepResult:
        outputs = {self._mask(name): self._mask(value) for name, value in result.outputs.items()}
        return result._replace(name=self._shown[result.name], reason=self._mask(result.reason), outputs=outputs)

    def _masked(self, result: WorkflowResult) -> WorkflowResult:
        jobs = tuple(self._masked_job(job) for job in result.jobs if job.name not in self._hidden)
        failed = self._shown.get(result.failed_job, "")
        name, reason = self._mask(result.name), self._mask(result.reason)
        return result._replace(name=name, reason=reason, jobs=jobs, failed_job=failed)

    def _flat(self, result: WorkflowResult) -> JobResult:
        """Return the steps of all jobs as the result of one job."""
        steps = tuple(
            self._told[name] for names in self._names.values() for name in names.values() if name in self._told
        )
        return JobResult(
            self._mask(result.name),
            exit_code=result.exit_code,
            reason=self._mask(result.reason),
            steps=steps,
            started=result.started,
            ended=result.ended,
            failed_step=result.failed_step if result.failed_job else "",
        )
