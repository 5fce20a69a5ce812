"""The sequence of a run, written once: validate, prepare, execute, collect, deliver, clean up.

The command line, the library and the jobs of workflows go through `run_job`. Its `RunHooks` are the plugins, if there
are any; its `Driver` says how the stages are carried out.
"""

from __future__ import annotations

import asyncio
import os
import signal
from contextlib import ExitStack, contextmanager, nullcontext
from functools import partial
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

from runnerlib._util.cancellation import Stop
from runnerlib._util.paths import PLUGINS
from runnerlib.errors import Interrupted, RunnerError
from runnerlib.executor.local.own_process import alone as process_alone
from runnerlib.output.streams import streams
from runnerlib.runner.hooks import RunState, measured_phase
from runnerlib.runner.planner import Planner, plan_job
from runnerlib.runner.prepare import make_directory, make_workspace, prepare_sources
from runnerlib.runner.reporting import audience
from runnerlib.runner.services import know_early
from runnerlib.runner.steps import job_run
from runnerlib.runner.supervision import check_system, finished, heeded, interruptible, supervised, uvloop_factory
from runnerlib.secrets.process_registry import HERE

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator
    from contextlib import AbstractAsyncContextManager, AbstractContextManager

    from runnerlib.engine import JobRun
    from runnerlib.events import Observer
    from runnerlib.events.result import JobResult
    from runnerlib.masking import SecretMasker
    from runnerlib.runner.hooks import RunHooks, Stage
    from runnerlib.runner.journal import Journal
    from runnerlib.runner.plan import JobPlan, RunPlan
    from runnerlib.runner.reporting import Ends
    from runnerlib.runner.request import RunRequest
    from runnerlib.runner.services import RunServices
    from runnerlib.runner.steps import Site
    from runnerlib.runner.supervision import LoopFactory, Warn

    MakeJob = Callable[[JobPlan, Site], JobRun]

T = TypeVar("T")
P = TypeVar("P", bound="RunPlan")


def run_request(
    request: RunRequest,
    services: RunServices,
    *,
    observer: Observer | None = None,
    ends: Ends = streams,
    new_loop: LoopFactory | None = None,
    stop: Stop | None = None,
    alone: bool = False,
) -> JobResult:
    """Run the job of a request in this thread; return its result as `run_job` does, and raise the same errors.

    A caller must mask errors of this call with the masker of `services`. If the process is `alone` with the run, the
    run takes over descriptors 1 and 2, so that output of plugins' processes is masked, and all children that the
    process adopts. `new_loop` defaults to uvloop's. With `stop` a caller can stop the run, and see the signal that
    stopped it.
    """
    check_system()
    with process_alone() if alone else nullcontext():
        planner = Planner(request, services, plan_job)
        driver = ThisThread(stop, new_loop)
        return finished(run_job(planner, hooks_of(planner, alone=alone), driver, observer, ends))


def hooks_of(planner: Planner[RunPlan], *, alone: bool = False, dry_run: bool = False) -> RunHooks | None:
    """Return the plugins of a run, if it may have any; few runs have, and load them. Raises ConfigError."""
    if not planner.request.may_have_plugins():
        return None
    know_early(planner.request, planner.services)
    from runnerlib.runner.plugin_host.host import PluginHost

    return PluginHost(planner, alone=alone, dry_run=dry_run)


async def run_job(
    planner: Planner[JobPlan],
    hooks: RunHooks | None,
    driver: Driver,
    observer: Observer | None = None,
    ends: Ends = streams,
) -> JobResult:
    """Run a job from its request to its result.

    All events go to `observer`, masked, or are shown on `ends()` as the settings say. Raises ConfigError for a wrong
    setting or job, PluginError for a plugin that fails, RunnerError when the runner itself fails, and Interrupted when
    a signal stops the run before the job has begun; a signal during the job gives a result.
    """
    run = _Run(planner, hooks, driver, ends)
    state = run.state
    with run.opened():
        try:
            # 1. Validate: nothing is touched before the whole plan is known to be right.
            plan = await driver.until_stopped(partial(run.validate, observer))
            with nullcontext() if hooks is None else hooks.working():
                # 2. Prepare the workspace, and the sources in it.
                if plan.job.concurrency is not None:
                    await driver.until_stopped(partial(run.wait_for_turn, plan))
                journal = run.lock_workspace(plan)
                plan = await driver.until_stopped(partial(run.prepare, plan, journal))
                if plan.job.concurrency is not None:  # of a file that was in the source
                    await driver.until_stopped(partial(run.wait_for_turn, plan))
                state.stop.check()
                # 3. Execute the steps.
                make = partial(run.make_job, journal)
                state.result = await driver.execute(plan, make, planner.services.masker, state.warn)
        except BaseException as error:
            state.failures.add(error)
        # 4. to 6. Collect, deliver, clean up: also after a failure.
        if hooks is not None or state.result is not None:
            await driver.blocking(run.finish)
    assert state.result is not None  # noqa: S101 - else something was raised
    return state.result


@contextmanager
def preview(
    planner: Planner[RunPlan],
    *,
    observer: Observer | None = None,
    stop: Stop | None = None,
    alone: bool = False,
    until: Stage | None = None,
) -> Iterator[None]:
    """Validate, and clean up after the block, which has the plan; no job runs.

    This is a dry run, and plugins know it, or with `until` the beginning of a preparation: plugins take part up to
    that stage. Raises as `run_job` does.
    """
    hooks = hooks_of(planner, alone=alone, dry_run=until is None)
    with process_alone() if alone and hooks is not None else nullcontext():
        run = _Run(planner, hooks, ThisThread(stop), streams)
        with run.opened():
            try:
                run.validate(observer, show=False)
                if until is not None:
                    run.reached(until)
                yield
            except BaseException as error:
                run.state.failures.add(error)
            run.finish()


class _Run(Generic[P]):
    """The stages of one run."""

    def __init__(self, planner: Planner[P], hooks: RunHooks | None, driver: Driver, ends: Ends) -> None:
        self.state = RunState(planner.services.masker, driver.stop, ends, driver.warned)
        self._planner = planner
        self._hooks = hooks
        self._driver = driver
        self._observers = ExitStack()
        self._lock = ExitStack()
        self._group = ExitStack()
        self._has_turn = False

    @contextmanager
    def opened(self) -> Iterator[None]:
        """Enter what lasts for the whole run; at its end the first failure is raised, but not that of the job."""
        hooks = nullcontext() if self._hooks is None else self._hooks.open(self.state)
        around = self._driver.around(self._planner.services.masker)
        with hooks, self._observers, around, self._group, self._lock:
            yield
        self.state.failures.raise_first()

    def reached(self, stage: Stage) -> None:
        """Let plugins take part, if there are any; what they change is in the next plan of the planner."""
        if self._hooks is not None:
            self._hooks.reached(stage)

    def validate(self, observer: Observer | None, *, show: bool = True) -> P:
        """Make the plan; with `show` and without an observer, open those that the settings choose."""
        if observer is not None:
            self._listen(observer)
        self.reached("validation")
        plan = self._planner.plan()
        if observer is None and show:
            self._listen(self._observers.enter_context(audience(plan, self._planner.services, self.state.ends())))
        self.state.measures = self._planner.services.measures
        self.reached("validated")
        return plan

    def _listen(self, observer: Observer) -> None:
        self.state.observer = observer if self._hooks is None else self._hooks.listen(observer)

    def wait_for_turn(self: _Run[JobPlan], plan: JobPlan) -> None:
        """Wait until no other run of the group of the job goes on; a second call does nothing."""
        if self._has_turn or plan.job.concurrency is None:
            return
        from runnerlib.runner.concurrency import group_of_job  # few jobs are in a group

        state, group = self.state, group_of_job(plan, plan.job.concurrency)
        with state.measuring("queue", group.name):
            self._group.enter_context(group.entered(state.stop, state.notice, state.warn))
        self._has_turn = True

    def lock_workspace(self, plan: JobPlan) -> Journal | None:
        """Open the journal, which keeps other runs out of the workspace; a single command has none."""
        journal = None
        if not plan.is_command:
            make_directory(plan.workspace.base)
            from runnerlib.runner.resume import open_journal

            journal = open_journal(plan, plan.selection)
            self._lock.callback(journal.close)
        self.state.warn_of(plan)
        return journal

    @measured_phase("prepare")
    def prepare(self: _Run[JobPlan], plan: JobPlan, journal: Journal | None) -> JobPlan:
        """Prepare the workspace; return the plan, which sources and plugins may have changed."""
        planner, state, hooks = self._planner, self.state, self._hooks
        report = make_workspace(plan, journal, state)
        self.reached("pre_source_prep")
        prepare_sources(planner, planner.plan(), journal, report, state)
        code_dir = planner.plan().code_dir
        if hooks is None and os.path.isdir(f"{code_dir}/{PLUGINS}"):
            report(f"the plugins in '{code_dir}/{PLUGINS}' are not loaded; see --trust-source-plugins")
        self.reached("post_source_prep")
        if not (code_dir := planner.plan().code_dir).exists():
            make_directory(code_dir)
        self.reached("pre_execution")
        if hooks is not None and state.watch is not None:
            state.watch.accept()  # plugins are trusted, and may have changed it
        plan = planner.plan()
        plan.workspace.resolve(str(plan.job_dir), "job_dir")  # a source may hold a symlink there
        if plan.secrets is not None:
            from runnerlib.runner.secret_variables import check_lists  # few jobs list their secrets

            check_lists(plan.job, plan.env, plan.secrets, plan.config)
        if plan.job.cache:
            from runnerlib.runner.cache.job import Voice, restored  # few jobs keep files from run to run

            state.caches = restored(
                plan, planner.services.masker, Voice(state.notice, state.warn, report.check, state.cached)
            )
        self._driver.provide(plan)
        state.warn_of(plan)
        return plan

    def make_job(self, journal: Journal | None, plan: JobPlan, site: Site) -> JobRun:
        """Make the job, ready to run on the running loop."""
        services, hooks, observer = self._planner.services, self._hooks, self.state.observer
        if self._driver.loop_observer is not None:
            observer = self._driver.loop_observer if hooks is None else hooks.beside(self._driver.loop_observer)
        assert observer is not None  # noqa: S101 - it is open since the validation
        around = None if hooks is None else hooks.around()
        return job_run(plan, services, journal, observer, site, around, self.state.watch)

    @measured_phase("finish")
    def finish(self) -> None:
        """Carry out the stages after the job, or after what has ended the run before it.

        Plugins go on after a first signal, with the cleanup timeout; a second signal aborts them.
        """
        self.state.ending = True
        self.reached("ended")
        try:
            if self.state.result is not None:
                # 4. Collect what the job has left.
                self._save_caches(self.state.result)
                self.reached("post_execution")
                # 5. Deliver its follow-up jobs, which may make it fail.
                self._deliver(self.state.result)
            self._lock.close()
            # 6. Clean up.
            self.reached("cleanup")
        except Interrupted as error:
            self.state.failures.add(error)
        finally:
            if self._hooks is not None:
                self._hooks.close()

    def _save_caches(self, result: JobResult) -> None:
        """Save the caches of a job that has succeeded."""
        if self.state.caches is not None and result.success:
            from runnerlib.runner.cache.job import Voice  # loaded before

            self.state.caches.save(Voice(self.state.notice, self.state.warn, cached=self.state.cached))

    def _deliver(self, result: JobResult) -> None:
        state, plan, mask = self.state, self._planner.plan(), self._planner.services.masker.mask_string
        places = plan.spool, plan.workspace.meant(plan.config.triggers_file)
        if plan.is_command and not any(os.path.lexists(place) for place in places):
            return  # most runs have no follow-up jobs
        from runnerlib.runner.delivery import deliver

        assert state.observer is not None  # noqa: S101 - it is open since the validation
        try:
            sinks = () if self._hooks is None else self._hooks.sinks()
            state.result = deliver(plan, mask, result, state.observer, sinks)
        except Interrupted:
            raise
        except RunnerError as error:
            state.failures.add(error)
        if state.result is not result:
            self.reached("ended")


class Driver(Protocol):
    """Carries out the stages of a run."""

    stop: Stop
    """Stops the run, from any thread."""
    loop_observer: Observer | None
    """Takes the events of steps, on their event loop; None for the observer of all other events."""
    warned: Collection[str]
    """Warnings that the caller of the run has sent already."""

    def around(self, masker: SecretMasker) -> AbstractContextManager[object]:
        """Enter what lasts for the whole run."""
        ...

    async def blocking(self, work: Callable[[], T]) -> T:
        """Return the result of work that may block."""
        ...

    async def until_stopped(self, work: Callable[[], T]) -> T:
        """Return the result of work that may block. Raises Interrupted once the run is stopped."""
        ...

    def provide(self, plan: JobPlan) -> None:
        """Put into the prepared workspace what does not come from its sources; may block."""

    async def execute(self, plan: JobPlan, make: MakeJob, masker: SecretMasker, warn: Warn) -> JobResult:
        """Run the steps of the job that `make` makes for a plan and its site."""
        ...


class ThisThread:
    """Driver of a run that has this thread to itself until its end: it blocks, and never waits for anything else."""

    def __init__(self, stop: Stop | None = None, new_loop: LoopFactory | None = None) -> None:
        self.stop = stop or Stop()
        self.loop_observer: Observer | None = None
        self.warned: Collection[str] = ()
        self._new_loop = new_loop

    @contextmanager
    def around(self, masker: SecretMasker) -> Iterator[None]:
        """Mask what this process knows to be secret, and let signals interrupt the block."""
        with HERE.followed_by(masker), interruptible(self.stop):
            yield

    async def blocking(self, work: Callable[[], T]) -> T:
        """Do the work."""
        return work()

    until_stopped = blocking  # signals interrupt it

    def provide(self, plan: JobPlan) -> None:
        """Do nothing: all comes from the sources."""

    async def execute(self, plan: JobPlan, make: MakeJob, masker: SecretMasker, warn: Warn) -> JobResult:
        """Run the steps on an event loop of their own."""
        with (
            interruptible(self.stop),  # uvloop leaves signal handlers behind that do nothing
            asyncio.Runner(loop_factory=self._new_loop or uvloop_factory()) as loop,
        ):
            return loop.run(self._execute(plan, make, masker, warn))

    async def _execute(self, plan: JobPlan, make: MakeJob, masker: SecretMasker, warn: Warn) -> JobResult:
        contained, user = plan.placement is not None, plan.placement and plan.placement.limits.stranger
        place = plan.workspace.own() if plan.is_bounded and not contained else None
        # The first process that joins a control group waits 10 ms for the kernel, which a single command would feel.
        async with (
            supervised(masker, warn, self.stop, user=user, cgroups=not plan.is_command, place=place) as here,
            self._site(plan, here) as site,
        ):
            job = make(plan.apart() if contained else plan, site)
            loop = asyncio.get_running_loop()
            if any(step.tty for step in plan.job.steps) and heeded():
                loop.add_signal_handler(signal.SIGWINCH, job.resize)
            with self.stop.reaching(loop, job.stop):
                return await job.run()

    def _site(self, plan: JobPlan, here: Site) -> AbstractAsyncContextManager[Site]:
        """Return where the steps run: on this machine, or in a container."""
        if plan.placement is None:
            return nullcontext(here)
        # Loaded only for jobs that run in a container.
        from runnerlib.runner.in_container import in_container

        return in_container(plan, here, self.stop)
