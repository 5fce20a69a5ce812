"""The sequence of a run, written once: validate, prepare, execute, collect, deliver, clean up.

The command line, the library and the jobs of workflows go through `run_job`. Its `RunHooks` are the plugins, if there
are any; its `Driver` says how the stages are carried out.
"""

from __future__ import annotations

import os
import sys
from contextlib import ExitStack, contextmanager, nullcontext
from functools import partial
from typing import TYPE_CHECKING

from runnerlib.errors import Interrupted, RunnerError
from runnerlib.executor.local.own_process import alone as process_alone
from runnerlib.output.streams import streams
from runnerlib.runner.driver import ThisThread, finished
from runnerlib.runner.hooks import NO_HOOKS, RunState
from runnerlib.runner.plan import know_early, plan_job
from runnerlib.runner.planner import Planner
from runnerlib.runner.prepare import journal_of, prepare
from runnerlib.runner.reporting import audience
from runnerlib.runner.steps import job_run
from runnerlib.runner.system_check import check

if TYPE_CHECKING:
    from collections.abc import Iterator

    from runnerlib._util.cancellation import Stop
    from runnerlib.engine import JobRun
    from runnerlib.events import Observer
    from runnerlib.events.result import JobResult
    from runnerlib.runner.driver import Driver, LoopFactory
    from runnerlib.runner.hooks import RunHooks, Stage
    from runnerlib.runner.journal import Journal
    from runnerlib.runner.plan import JobPlan, RunPlan
    from runnerlib.runner.reporting import Ends
    from runnerlib.runner.request import RunRequest
    from runnerlib.runner.services import RunServices
    from runnerlib.runner.steps import Site


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
    check()
    with process_alone() if alone else nullcontext():
        planner = Planner(request, services, plan_job)
        driver = ThisThread(stop, new_loop)
        return finished(run_job(planner, hooks_of(planner, alone=alone), driver, observer, ends))


def hooks_of(planner: Planner[RunPlan], *, alone: bool = False, dry_run: bool = False) -> RunHooks:
    """Return the plugins of a run, if it may have any; few runs have, and load them. Raises ConfigError."""
    if not may_have_plugins(planner.request):
        return NO_HOOKS
    know_early(planner.request, planner.services)
    from runnerlib.runner.plugin_host.host import PluginHost

    return PluginHost(planner, alone=alone, dry_run=dry_run)


def may_have_plugins(request: RunRequest) -> bool:
    """Return whether a plugin is registered in this process, or settings or sources may bring one."""
    config = request.resolved.config
    return bool(
        config.plugin_dir
        or config.plugin_packages
        or config.trust_source_plugins
        or config.ci_source_type not in {None, "", "none"}
        or request.environ.get("REACTORCIDE_CI_SOURCE_DIR")
        # No plugin can be registered before the package is loaded.
        or ("runnerlib.plugins" in sys.modules and sys.modules["runnerlib.plugins"].plugin_manager.plugins)
    )


async def run_job(
    planner: Planner[JobPlan], hooks: RunHooks, driver: Driver, observer: Observer | None = None, ends: Ends = streams
) -> JobResult:
    """Run a job from its request to its result.

    All events go to `observer`, masked, or are shown on `ends()` as the settings say. Raises ConfigError for a wrong
    setting or job, PluginError for a plugin that fails, RunnerError when the runner itself fails, and Interrupted when
    a signal stops the run before the job has begun; a signal during the job gives a result.
    """
    run = _Run(planner, hooks, driver, ends)
    state, masker = run.state, planner.services.masker
    with run.opened():
        with state.failures.caught():
            # 1. Validate: nothing is touched before the whole plan is known to be right.
            await driver.until_stopped(partial(run.validate, observer))
            with hooks.working():
                # 2. Prepare the workspace, and the sources in it.
                journal = run.lock_workspace(planner.plan())
                await driver.until_stopped(partial(run.prepare, planner, journal))
                state.stop.check()
                # 3. Execute the steps.
                make = partial(run.make_job, journal)
                state.result = await driver.execute(planner.plan(), make, masker, state.warn)
        # 4. to 6. Collect, deliver, clean up: also after a failure.
        if hooks.present or state.result is not None:
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
    with process_alone() if alone and hooks.present else nullcontext():
        run = _Run(planner, hooks, ThisThread(stop), streams)
        with run.opened():
            with run.state.failures.caught():
                run.validate(observer, show=False)
                if until is not None:
                    hooks.reached(until)
                yield
            run.finish()


class _Run:
    """The stages of one run."""

    def __init__(self, planner: Planner[RunPlan], hooks: RunHooks, driver: Driver, ends: Ends) -> None:
        self.state = RunState(planner.services.masker, driver.stop, ends, driver.warned)
        self._planner = planner
        self._hooks = hooks
        self._driver = driver
        self._observers = ExitStack()
        self._lock = ExitStack()

    @contextmanager
    def opened(self) -> Iterator[None]:
        """Enter what lasts for the whole run; at its end the first failure is raised, but not that of the job."""
        around = self._driver.around(self._planner.services.masker)
        with self._hooks.open(self.state), self._observers, around, self._lock:
            yield
        self.state.failures.raise_first()

    def validate(self, observer: Observer | None, *, show: bool = True) -> None:
        """Make the plan; with `show` and without an observer, open those that the settings choose."""
        if observer is not None:
            self.state.observer = self._hooks.listen(observer)
        self._hooks.validate()
        plan = self._planner.plan()
        if observer is None and show:
            shown = self._observers.enter_context(audience(plan, self._planner.services, self.state.ends()))
            self.state.observer = self._hooks.listen(shown)
        self._hooks.validated()

    def lock_workspace(self, plan: JobPlan) -> Journal | None:
        """Open the journal, which keeps other runs out of the workspace; a single command has none."""
        journal = self._lock.enter_context(journal_of(plan))
        self.state.warn_of(plan)
        return journal

    def prepare(self, planner: Planner[JobPlan], journal: Journal | None) -> None:
        """Prepare the workspace."""
        prepare(planner, journal, self._hooks, self.state)
        self._driver.provide(planner.plan())
        self.state.warn_of(planner.plan())

    def make_job(self, journal: Journal | None, plan: JobPlan, site: Site) -> JobRun:
        """Make the job, ready to run on the running loop."""
        masker, other = self._planner.services.masker, self._driver.loop_observer
        observer = self.state.observer if other is None else self._hooks.beside(other)
        assert observer is not None  # noqa: S101 - it is open since the validation
        around, inspect = self._hooks.around(), self._planner.services.inspect
        return job_run(plan, masker, journal, observer, site, around, inspect, self.state.watch)

    def finish(self) -> None:
        """Carry out the stages after the job, or after what has ended the run before it.

        Plugins go on after a first signal, with the cleanup timeout; a second signal aborts them.
        """
        self.state.ending = True
        self._hooks.end()
        try:
            if self.state.result is not None:
                # 4. Collect what the job has left.
                self._hooks.collect()
                # 5. Deliver its follow-up jobs, which may make it fail.
                self._deliver(self.state.result)
            self._lock.close()
            # 6. Clean up.
            self._hooks.clean_up()
        except Interrupted as error:
            self.state.failures.add(error)
        finally:
            self._hooks.close()

    def _deliver(self, result: JobResult) -> None:
        state, plan, mask = self.state, self._planner.plan(), self._planner.services.masker.mask_string
        places = plan.spool, plan.workspace.meant(plan.config.triggers_file)
        if plan.is_command and not any(os.path.lexists(place) for place in places):
            return  # most runs have no follow-up jobs
        from runnerlib.runner.delivery import deliver

        assert state.observer is not None  # noqa: S101 - it is open since the validation
        try:
            state.result = deliver(plan, mask, result, state.observer, self._hooks.sinks())
        except Interrupted:
            raise
        except RunnerError as error:
            state.failures.add(error)
        if state.result is not result:
            self._hooks.end()
