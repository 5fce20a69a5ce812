"""The run of a job: steps start as the graph allows, and stop at a time limit or a signal.

When a job ends early, the steps that always run get the cleanup time; all that is left then is killed.
"""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from runnerlib._util.graph import Schedule
from runnerlib._util.values import NamedTuple
from runnerlib.engine.attempt import Limits, end_all
from runnerlib.engine.should_run import Decider, Inheritance, ReusedResult, not_run, restored
from runnerlib.engine.step_context import SHARED, Inspect, StepContext, StepHooks
from runnerlib.engine.step_run import StepRun
from runnerlib.errors import TamperedError
from runnerlib.events import JobFinished, JobStarted, StepFinished, Warned
from runnerlib.events.result import NO_EXPORTS, Exports, JobResult, StepOutcome, StepResult, stopped_by
from runnerlib.pipeline.surroundings import Surroundings

if TYPE_CHECKING:
    from pathlib import Path

    from runnerlib.engine.boundary import Boundary
    from runnerlib.engine.step_cache import StepCache
    from runnerlib.engine.step_findings import Annotate, StepFindings
    from runnerlib.engine.step_secrets import SecretVariables
    from runnerlib.events import Event, Observer
    from runnerlib.executor.protocol import Executor
    from runnerlib.masking import SecretMasker
    from runnerlib.pipeline.conditions import Condition
    from runnerlib.pipeline.job import Job, Step

# Seconds between two collections of dead processes.
_REAPING = 1.0

Ended = Callable[[StepResult, Exports], None]
"""Called for every step that ended, with what it hands on, before the next one starts."""


def _nothing(_result: StepResult, _exports: Exports) -> None:
    """Record nothing: there is no journal."""


class JobExecution(NamedTuple):
    """Everything the engine needs to run a job that was checked.

    `directory` says where a step runs; it is asked when the step starts, because an earlier one may have made that
    directory, and raises RunnerError. `conditions` are the parsed ones, by step; `secrets` those of steps that list
    them. `kept` steps are not run again, but where the run `renews` those that follow a step that runs; `excluded` ones
    not at all. Times are in seconds; `cleanup` is for the steps that always run once the job has to end. `around` has a
    say before and after each step, `inspect` takes one that has failed, `boundary` bounds it, `cache` keeps its files;
    `trace` gives an attempt variables, by the step's name, that in events, and its number.
    """

    job: Job
    env: Mapping[str, str]
    directory: Callable[[Step], Path]
    scratch: Path
    conditions: Mapping[str, Condition] = {}
    surroundings: Surroundings = Surroundings()
    limits: Limits = Limits()
    cleanup: float = 10.0
    kept: Mapping[str, ReusedResult] = {}
    renews: bool = False
    excluded: frozenset[str] = frozenset()
    ended: Ended = _nothing
    around: StepHooks | None = None
    secrets: SecretVariables | None = None
    boundary: Boundary | None = None
    inspect: Inspect | None = None
    cache: StepCache | None = None
    findings: StepFindings | None = None  # reads reports
    trace: Callable[[str, str, int], Mapping[str, str]] | None = None
    annotate: Annotate | None = None


class JobRun:
    """The run of a job: call `run` once, and `stop` at any time before, during or after."""

    def __init__(self, execution: JobExecution, executor: Executor, masker: SecretMasker, observer: Observer) -> None:
        self._execution = execution
        self._job = execution.job
        self._masker = masker
        self._observer = observer
        self._graph = self._job.dependencies()
        self._steps = {step.name: step for step in self._job.steps}
        self._numbers = {name: number for number, name in enumerate(self._graph)}
        self._shown = distinct({name: masker.mask_string(name) for name in self._graph})
        self._context = StepContext(executor, masker, observer, *(getattr(execution, one) for one in SHARED))
        self._decider = Decider(
            self._steps, self._graph, execution.conditions, execution.excluded, execution.surroundings
        )
        self._inheritance = Inheritance(self._graph, execution.env)
        capacity = self._job.max_parallel or os.cpu_count() or 1
        self._schedule = Schedule(self._graph, {name: step.weight for name, step in self._steps.items()}, capacity)
        self._results: dict[str, StepResult] = {}
        self._new: set[str] = set()  # the steps that ran, and those that follow one that did
        self._running: dict[asyncio.Task[StepResult], tuple[str, StepRun]] = {}
        self._ended: list[asyncio.Task[StepResult]] = []
        self._one_ended: asyncio.Future[None] | None = None
        self._ending: StepOutcome | None = None  # of the job, once it has to end early
        self._failure: BaseException | None = None
        self._timers: list[asyncio.TimerHandle] = []
        self._reaping: asyncio.TimerHandle | None = None
        self._at_once = False
        self._cleaning = False
        self._delivery: asyncio.Timeout | None = None

    async def run(self) -> JobResult:
        """Run the job to its end; no process of it is left then.

        Raises OutputError when the observer can take no more: the job is stopped then.
        """
        started = time.time()
        shown = {self._shown[name]: tuple(map(self._shown.__getitem__, self._graph[name])) for name in self._graph}
        self._tell(JobStarted(self._masker.mask_string(self._job.name), shown))
        self._set_deadline()
        self._reap()
        try:
            await self._walk()
            await self._end_orphans()
            self._leave_boundary()
        finally:
            await self._abandon()
            if self._execution.boundary is not None:
                from runnerlib.engine.boundary import close

                close(self._execution.boundary)
        if self._failure is not None:
            raise self._failure
        result = self._result(started)
        await self._deliver(JobFinished(self._masked_job(result)))
        return result

    def stop(self, signum: int) -> None:
        """End the job because the runner got `signum`; at the second call everything is killed at once."""
        if self._ending is not None and self._ending.cause == "cancelled":
            self._at_once = True
            self._kill_all()
        else:
            self._end_early(stopped_by(signum))

    def resize(self) -> None:
        """Pass the new size of the runner's terminal to the steps."""
        for _, run in self._running.values():
            run.resize()

    # -- running the graph

    async def _walk(self) -> None:
        while True:
            self._start_ready()
            self._limit_cleanup()
            if not self._running:
                return
            for task in await self._some_ended():
                name, run = self._running.pop(task)
                self._schedule.end(name)
                error = task.exception()
                if error is not None:
                    self._fail(error)
                    self._record(not_run(self._steps[name], StepOutcome(125, str(error), "runner")), NO_EXPORTS)
                else:
                    self._record(task.result(), run.exports)

    async def _some_ended(self) -> list[asyncio.Task[StepResult]]:
        """Wait until a step has ended; those that end together are in written order, so that a run can be repeated."""
        if not self._ended:
            self._one_ended = asyncio.get_running_loop().create_future()
            await self._one_ended
        ended, self._ended = self._ended, []
        return ended if len(ended) == 1 else sorted(ended, key=lambda task: self._numbers[self._running[task][0]])

    def _on_end(self, task: asyncio.Task[StepResult]) -> None:
        self._ended.append(task)
        if self._one_ended is not None and not self._one_ended.done():
            self._one_ended.set_result(None)

    def _start_ready(self) -> None:
        """Start or skip the steps that are ready, in written order, while there is room."""
        while (name := self._schedule.head()) is not None:
            skipped = self._decide(name)
            if skipped is not None:
                self._schedule.skip_head()
                self._record(*skipped)
            elif self._schedule.start_head():
                self._start(name)
            else:
                return

    def _decide(self, name: str) -> ReusedResult | None:
        """Return the result of a step that does not run; None when it runs."""
        if self._failure is not None or self._at_once:
            why = self._ending.reason if self._ending else "the job cannot go on"
            return ReusedResult(not_run(self._steps[name], StepOutcome(0, why, "cancelled")))
        kept = self._execution.kept.get(name)
        if kept is not None and not (self._execution.renews and not self._new.isdisjoint(self._graph[name])):
            return ReusedResult(restored(kept.result), kept.exports)
        ending = self._decider.verdict(name, lambda: self._environment(name), self._ending)
        return None if ending is None else ReusedResult(not_run(self._steps[name], ending))

    def _start(self, name: str) -> None:
        step = self._steps[name]
        where, env = self._execution.directory, self._environment(name)
        filed = step.env_file or self._job.env_file  # and what is in them is not known yet
        for missing in sorted(set(step.secrets) - env.keys()) if step.secrets and not filed else ():
            self._warn(name, f"it lists the secret '{missing}', and there is no variable of that name")
        run = StepRun(step, self._shown[name], str(self._numbers[name]), where, env, self._context)
        task = asyncio.get_running_loop().create_task(run.run())
        task.add_done_callback(self._on_end)
        self._running[task] = name, run

    def _environment(self, name: str) -> dict[str, str]:
        step, grant = self._steps[name], None
        listed = self._job.secrets_of(step)
        if listed is not None:
            assert self._execution.secrets is not None  # noqa: S101 - the plan of such a job has them
            grant = self._execution.secrets.granted(listed)
        return self._inheritance.environment(name, step.env, grant)

    def _record(self, result: StepResult, exports: Exports) -> None:
        self._results[result.name] = result
        if self._steps[result.name].untrusted and (exports.env or exports.path):
            # They would decide which programs the steps after it execute, which may have secrets.
            self._warn(result.name, "it is untrusted, so its variables and directories for PATH are not handed on")
            exports = Exports(exports.outputs)
        if (result.attempts and result.cause != "restored") or not self._new.isdisjoint(self._graph[result.name]):
            self._new.add(result.name)
        self._steps[result.name].result = result
        self._inheritance.add(result.name, exports)
        self._decider.ended(result)
        self._execution.ended(result, exports)
        if result.cause == "tampered":
            self._end_tampered(result.reason)
        self._tell(StepFinished(self._masked(result)))

    # -- ending early

    def _set_deadline(self) -> None:
        limit = self._job.timeout
        if limit is None:
            return
        reserve = min(self._execution.cleanup, limit / 2) if any(map(self._decider.tidies_up, self._graph)) else 0.0
        why = StepOutcome(124, f"the job's time limit of {limit:g} s is over", "timeout")
        self._later(limit - reserve, lambda: self._end_early(why))
        if reserve:
            self._later(limit, self._kill_all)

    def _end_early(self, why: StepOutcome) -> None:
        """Stop what runs, apart from steps that always run; start only such steps from now on."""
        if self._ending is not None and why.cause != "cancelled":
            return
        self._ending = why
        for name, run in self._running.values():
            if not self._decider.tidies_up(name):
                run.stop(why)
        self._limit_cleanup()
        self._limit_delivery()

    def _limit_cleanup(self) -> None:
        """Start the cleanup time once only steps that always run are left."""
        if self._ending is None or self._cleaning:
            return
        if all(self._decider.tidies_up(name) for name, _ in self._running.values()):
            self._cleaning = True
            self._later(self._execution.cleanup, self._kill_all)

    def _kill_all(self) -> None:
        self._at_once = True
        why = self._ending or StepOutcome(125, "the job cannot go on", "cancelled")
        for _, run in self._running.values():
            run.stop(why, at_once=True)

    def _leave_boundary(self) -> None:
        """Look at trusted code a last time: it may have changed though every step has succeeded."""
        if self._execution.boundary is None:
            return
        from runnerlib.engine.boundary import left

        if (ending := left(self._execution.boundary)) and ending.cause == "tampered" and ending != self._ending:
            self._end_tampered(ending.reason)
        self._ending = self._ending or ending

    def _end_tampered(self, reason: str) -> None:
        """Stop what runs and start nothing more, not even what always runs: that may be the code that was changed."""
        self._ending = StepOutcome(TamperedError.exit_code, reason, "tampered")
        self._tell(Warned(self._masker.mask_string(f"{reason}; no further step starts")))
        self._kill_all()

    def _fail(self, error: BaseException) -> None:
        """Stop every step: the observer can take no more events, or the engine has a fault."""
        if self._failure is None:
            self._failure = error
            for _, run in self._running.values():
                run.stop(StepOutcome(125, "the job cannot go on", "cancelled"))

    def _reap(self) -> None:
        """Collect from time to time the dead processes that steps leave to the runner, as an init process does."""
        self._context.executor.reap_dead()
        self._reaping = asyncio.get_running_loop().call_later(_REAPING, self._reap)

    async def _end_orphans(self) -> None:
        """End the processes that left their steps' trees: they must not outlive the job."""
        executor = self._context.executor
        orphans = executor.orphans()
        for orphan in orphans:
            text = f"process {orphan.pid} ({orphan.command}) was still running after the job ended; it is stopped"
            self._tell(Warned(self._masker.mask_string(text)))
        if orphans:
            executor.signal_orphans(signal.SIGTERM)
            grace = 0 if self._at_once else self._execution.limits.grace
            await end_all(executor.orphans, executor.signal_orphans, grace)

    async def _abandon(self) -> None:
        """Leave no process or timer behind when the run itself is cancelled."""
        for timer in (*self._timers, *filter(None, (self._reaping,))):
            timer.cancel()
        for task in self._running:
            task.cancel()
        if self._running:
            await asyncio.wait(self._running)

    # -- events

    def _tell(self, event: Event) -> None:
        if self._failure is None:
            try:
                self._observer.observe(event)
            except Exception as error:
                self._fail(error)

    def _warn(self, step: str, text: str) -> None:
        self._tell(Warned(self._masker.mask_string(text), self._shown[step]))

    def _result(self, started: float) -> JobResult:
        steps = tuple(self._results[name] for name in self._graph)
        result = JobResult(self._job.name, 0, "", steps, started, time.time())
        if self._ending is not None:
            return result._replace(exit_code=self._ending.exit_code, reason=self._ending.reason)
        failed = next((s for s in steps if s.required and s.outcome in {"failure", "cancelled"}), None)
        if failed is None:
            return result
        reason = f"step '{failed.name}': {failed.reason}"
        return result._replace(exit_code=failed.exit_code, reason=reason, failed_step=failed.name)

    def _masked(self, result: StepResult) -> StepResult:
        mask = self._masker.mask_string
        if result.outputs:
            result = result._replace(outputs={mask(name): mask(value) for name, value in result.outputs.items()})
        if result.reason:
            result = result._replace(reason=mask(result.reason))
        shown = self._shown[result.name]
        return result if shown == result.name else result._replace(name=shown)

    def _masked_job(self, result: JobResult) -> JobResult:
        mask = self._masker.mask_string
        steps = tuple(map(self._masked, result.steps))
        failed = self._shown.get(result.failed_step, "")
        return result._replace(name=mask(result.name), reason=mask(result.reason), steps=steps, failed_step=failed)

    async def _deliver(self, event: Event) -> None:
        """Emit the last event and wait for the reader; after a stop the wait has a limit."""
        self._observer.observe(event)
        try:
            async with asyncio.timeout(None) as self._delivery:
                self._limit_delivery()
                await self._observer.drain()
        except TimeoutError:
            pass
        finally:
            self._delivery = None

    def _limit_delivery(self) -> None:
        """Limit the wait for the reader after a stop: a reader that has stopped must not block the runner."""
        if self._delivery is not None and self._ending is not None and self._delivery.when() is None:
            limits = self._execution.limits
            self._delivery.reschedule(asyncio.get_running_loop().time() + limits.grace + limits.drain)

    def _later(self, delay: float, action: Callable[[], object]) -> None:
        self._timers.append(asyncio.get_running_loop().call_later(delay, action))


def distinct(shown: Mapping[str, str]) -> dict[str, str]:
    """The names as they are shown, each different: masking may have made some of them equal."""
    taken: set[str] = set()
    distinct: dict[str, str] = {}
    for name, text in shown.items():
        number, free = 1, text
        while free in taken:
            number += 1
            free = f"{text} ({number})"
        taken.add(free)
        distinct[name] = free
    return distinct
