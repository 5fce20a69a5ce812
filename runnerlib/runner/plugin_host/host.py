"""The plugins of one run: phases around its stages, each fired at most once, in order."""

from __future__ import annotations

from contextlib import contextmanager, suppress
from functools import partial
from typing import TYPE_CHECKING

from runnerlib.errors import OutputError
from runnerlib.events import Notice
from runnerlib.executor.local.own_process import end_left
from runnerlib.output.capabilities import TerminalCapabilities
from runnerlib.output.console import console
from runnerlib.plugins.context import Services
from runnerlib.plugins.phase import PluginPhase
from runnerlib.runner.hooks import JobFailedError
from runnerlib.runner.plugin_host.active_plugins import ActivePlugins
from runnerlib.runner.plugin_host.discovery import at_the_start, from_sources
from runnerlib.runner.plugin_host.event_fanout import Listeners
from runnerlib.runner.plugin_host.hook_calls import HookCalls
from runnerlib.runner.plugin_host.output_capture import Capture
from runnerlib.runner.plugin_host.phase_sequence import PhaseSequence
from runnerlib.runner.plugin_host.step_hooks import PluginStepHooks
from runnerlib.runner.plugin_host.trigger_sink import LimitedSink

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager

    from runnerlib.events import Observer
    from runnerlib.runner.hooks import RunState, Stage
    from runnerlib.runner.plan import RunPlan
    from runnerlib.runner.planner import Planner


class PluginHost:
    """Host of the plugins during one run, which tells it the stages; these fire the phases."""

    def __init__(self, planner: Planner[RunPlan], *, alone: bool = False, dry_run: bool = False) -> None:
        """Take the planner of the run; with `alone`, plugins get no access to descriptors 1 and 2.

        `alone` means that the process belongs to this run only.
        """
        self._planner = planner
        planner.services.plugins = True
        self._alone = alone
        self._dry_run = dry_run
        masker, shared = planner.services.masker, planner.services
        self._services = Services(masker, shared.sources, shared.resolver, shared.modes)
        self._listeners = Listeners(masker)
        self._capture = Capture(masker, self._say_written)
        self._plugins = ActivePlugins(masker, planner.request.resolved.config.grace_period)

    @contextmanager
    def open(self, run: RunState) -> Iterator[None]:
        """Capture the output of plugins, and keep events until there is an observer."""
        self._run = run
        run.observer = self._listeners
        self._calls = HookCalls(
            run, self._planner, self._services, self._plugins, self._listeners, self._capture, dry_run=self._dry_run
        )
        self._phases = PhaseSequence(run, self._plugins, self._calls)
        with self._capture.open(alone=self._alone) as ends:
            run.ends = ends or run.ends
            yield

    def working(self) -> AbstractContextManager[None]:
        """Capture what is written to the descriptors while no hook is called."""
        return self._capture.taken()

    def listen(self, observer: Observer) -> Observer:
        """Pass the events kept so far, and all later ones, to `observer`."""
        self._listeners.open(observer)
        return self._listeners

    # -- the stages

    def reached(self, stage: Stage) -> None:
        """Take part in a stage of the run. Raises PluginError, and the errors of `plan_job`."""
        match stage:
            case "validation":
                self._validate()
            case "validated":  # no more output modes are taken
                self._services.listening = True
                if self._dry_run:
                    self._show_kept()
            case "ended":
                self._note_the_end()
            case "post_execution":
                self._phases.fire(PluginPhase.POST_EXECUTION)
            case "cleanup":
                if self._run.failures.first is not None:
                    self._phases.fire(PluginPhase.ON_ERROR)
                self._phases.fire(PluginPhase.CLEANUP)
            case _:
                self._prepare(PluginPhase(stage))

    def _validate(self) -> None:
        """Find the plugins, and fire the phases of validation."""
        at_the_start(self._plugins, self._planner.request, self._calls.limit, self._calls.say)
        self._phases.fire(PluginPhase.PRE_VALIDATION)
        self._planner.choose_job()
        self._services.sources.may_grow = any(map(self._plugins.having, ("post_validation", "pre_source_prep")))
        self._planner.plan()
        self._phases.fire(PluginPhase.POST_VALIDATION)
        self._planner.plan()

    def _prepare(self, phase: PluginPhase) -> None:
        """Fire a phase of the preparation."""
        if phase is PluginPhase.POST_SOURCE_PREP:
            plan = self._planner.plan()
            from_sources(
                self._plugins, self._planner.request, plan, self._calls.limit, self._calls.say, self._calls.notice
            )
        self._phases.fire(phase)
        if phase is PluginPhase.PRE_SOURCE_PREP and self._services.sources.may_grow:
            self._services.sources.may_grow = False
            self._planner.plan_again()  # a type of source that is unknown now is a wrong setting
        self._run.warn_of(self._planner.plan())

    def _note_the_end(self) -> None:
        """Let the phases after the job go on after a first signal; note whether the job has failed."""
        self._run.stop.patient = True
        result = self._run.result
        if result is not None:
            self._calls.results = {step.name: step for step in result.steps}
            if not result.success and self._run.failures.first is None:
                self._run.failures.add(JobFailedError(result))

    def beside(self, observer: Observer) -> Observer:
        """Return an observer that sends events to `observer`, and to those of plugins."""
        return self._listeners.beside(observer)

    def around(self) -> PluginStepHooks | None:
        """Return the step hooks; None when no plugin has one."""
        self._capture.in_loop()
        having = self._plugins.having
        return PluginStepHooks(self._calls) if having("pre_step") or having("post_step") else None

    def sinks(self) -> list[LimitedSink]:
        """Return the trigger sinks of plugins."""
        members = {member.name: member for member in self._plugins.members()}
        return [
            LimitedSink(sink, members[plugin], self._calls.limit, partial(self._calls.say, plugin))
            for plugin, sink in self._services.sinks
        ]

    def close(self) -> None:
        """End the processes that hooks have left, and release everything."""
        try:
            if self._alone:
                end_left(self._run.warn, self._planner.settings.config.grace_period)
        finally:
            self._plugins.close()
            self._listeners.close()
            self._show_kept()
            if self._dry_run:
                self._planner.spool.unlink(missing_ok=True)

    def _say_written(self, plugin: str, line: str) -> None:
        """Report a line that a plugin's process wrote: not to the observers of plugins, which may write themselves."""
        text = self._planner.services.masker.mask_string(f"{plugin}: {line}")
        with suppress(OutputError):  # the next event raises it again
            self._listeners.tell_audience(Notice(text))

    def _show_kept(self) -> None:
        """Write events that no observer has received to stdout and stderr."""
        if not self._listeners.kept:
            return
        with suppress(OutputError):
            shown = console("raw", self._run.ends(), TerminalCapabilities())
            try:
                self._listeners.open(shown)
            finally:
                shown.close()
