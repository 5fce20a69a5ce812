"""A run with plugins: eight phases around the work of the runner, each fired at most once, in order."""

from __future__ import annotations

from contextlib import ExitStack, contextmanager, suppress
from contextvars import copy_context
from functools import partial
from queue import SimpleQueue
from typing import TYPE_CHECKING

from runnerlib._util.cancellation import Stop
from runnerlib._util.signals import signal_name
from runnerlib.errors import Interrupted, OutputError, RunnerError
from runnerlib.events import Notice, Warned
from runnerlib.executor.local.alone import end_left
from runnerlib.output import console
from runnerlib.output.capabilities import TerminalCapabilities
from runnerlib.output.streams import streams
from runnerlib.plugins.context import PluginContext, Services, changeable
from runnerlib.plugins.deadline import Limit
from runnerlib.plugins.phase import PluginPhase
from runnerlib.runner.environment import named_secrets
from runnerlib.runner.plugin_host.active_plugins import ActivePlugins
from runnerlib.runner.plugin_host.changes import changed_env, changed_settings, in_time
from runnerlib.runner.plugin_host.discovery import at_the_start, from_sources
from runnerlib.runner.plugin_host.event_fanout import Listeners
from runnerlib.runner.plugin_host.output_capture import Capture
from runnerlib.runner.plugin_host.step_hooks import StepHooks
from runnerlib.runner.plugin_host.trigger_sink import LimitedSink
from runnerlib.runner.reporting import told
from runnerlib.runner.run import interruptible, run, tell_triggers, warn
from runnerlib.secrets.process_registry import HERE
from runnerlib.triggers.spool import SPOOL

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from runnerlib.events import Event, Observer
    from runnerlib.events.result import JobResult, StepResult
    from runnerlib.runner.plan import JobPlan, RunPlan
    from runnerlib.runner.planner import Planner
    from runnerlib.runner.plugin_host.active_plugins import Member
    from runnerlib.runner.reporting import Ends
    from runnerlib.runner.run import LoopFactory, Stage


class JobFailedError(RunnerError):
    """Failure of a job that ran; the value of `context.error` in ON_ERROR."""

    def __init__(self, result: JobResult) -> None:
        super().__init__(result.reason)
        self.exit_code = result.exit_code
        self.result = result


class PluginHost:
    """Host of the plugins during one run; call either `run` or `foreseen`, once."""

    def __init__(self, planner: Planner[RunPlan], *, alone: bool = False, dry_run: bool = False) -> None:
        """Take the planner of the job; with `alone`, plugins get no access to descriptors 1 and 2.

        `alone` means that the process belongs to this run only.
        """
        self._planner = planner
        planner.services.plugins = True
        self._masker = masker = planner.services.masker
        self._services = Services(masker, planner.services.sources, planner.services.resolver, planner.services.modes)
        self._warned: tuple[str, ...] = ()
        self._dry_run = dry_run
        self._alone = alone
        self._capture = Capture(masker, self._say_written)
        self._listeners = Listeners(masker)
        self._stop = Stop()
        self._ends: Ends = streams
        self._failure: BaseException | None = None
        self._result: JobResult | None = None
        self._ending = False
        self._phase = ""
        self.crew = ActivePlugins(masker, planner.request.resolved.config.grace_period)
        self.results: dict[str, StepResult] = {}

    def run(
        self,
        planner: Planner[JobPlan],
        observer: Observer | None,
        ends: Ends,
        new_loop: LoopFactory | None,
        stop: Stop | None,
    ) -> JobResult:
        """Run the job with all phases. Raises RunnerError when a plugin or the runner itself fails."""
        self._stop, self._ends = stop or self._stop, ends
        with self._living() as audience:
            if observer is not None:
                self._listeners.open(observer)
            plan = self._validated()
            if observer is None:
                self._listeners.open(audience.enter_context(told(plan, self._planner.services, None, self._ends)))
            self._services.listening = True
            with self._capture.taken():
                self._result = run(planner, self._listeners, new_loop, self._stop, self)
        assert self._result is not None  # noqa: S101 - else something was raised
        return self._result

    @contextmanager
    def foreseen(self) -> Iterator[None]:
        """Fire the phases of a dry run: the block is between the validation phases and CLEANUP."""
        with self._living():
            self._validated()
            self._show_kept()
            yield

    # -- for a run that the caller drives, in threads and on a loop

    @contextmanager
    def around_run(self, observer: Observer, stop: Stop) -> Iterator[None]:
        """Fire the phases around a run that the caller drives: call `begin`, pass the host to the runner, call `ended`.

        `observer` takes events from any thread. Entering and leaving the block may wait; both may be in any thread.
        """
        self._stop = stop
        with self._living():
            self._listeners.open(observer)
            yield

    def begin(self) -> None:
        """Check the plan, with the changes by plugins. Raises RunnerError."""
        self._validated()
        self._services.listening = True

    def ended(self, result: JobResult) -> None:
        """Set the result of the job."""
        self._result = result

    @property
    def result(self) -> JobResult | None:
        """The result of the job after the last phase: a failed delivery of follow-up jobs may have changed it."""
        return self._result

    def beside(self, observer: Observer) -> Observer:
        """Return an observer that sends events to `observer`, on the job's loop, and to those of plugins."""
        return self._listeners.beside(observer)

    # -- called by the runner

    def reached(self, stage: Stage) -> None:
        """Fire the phase of a stage."""
        self._warned = self._planner.plan().warnings
        if stage == "post_source_prep":
            request, plan = self._planner.request, self._planner.plan()
            from_sources(self.crew, request, plan, self._limit, self.say, self._notice)
        self._fire(PluginPhase(stage))
        if stage == "pre_source_prep" and self._services.sources.may_grow:
            self._services.sources.may_grow = False
            self._planner.plan_again()  # a type of source that is unknown now is a wrong setting
        self._planned()

    def around(self) -> StepHooks | None:
        """Return the step hooks; None when no plugin has one."""
        self._capture.in_loop()
        return StepHooks(self) if self.crew.having("pre_step") or self.crew.having("post_step") else None

    # -- from the first phase to the last

    @contextmanager
    def _living(self) -> Iterator[ExitStack]:
        with (
            self._capture.open(alone=self._alone) as ends,
            HERE.followed_by(self._masker),
            ExitStack() as audience,
            interruptible(self._stop),
        ):
            self._ends = ends or self._ends
            try:
                yield audience
            except BaseException as error:
                self._fail(error)
            try:
                self._end()
            finally:
                self.crew.close()
                self._listeners.close()
                self._show_kept()
                if self._dry_run:
                    self._planner.spool.unlink(missing_ok=True)
        if self._failure is not None and not isinstance(self._failure, JobFailedError):
            raise self._failure

    def _validated(self) -> RunPlan:
        at_the_start(self.crew, self._planner.request, self._limit, self.say)
        self._fire(PluginPhase.PRE_VALIDATION)
        self._planner.choose_job()
        self._services.sources.may_grow = any(map(self.crew.having, ("post_validation", "pre_source_prep")))
        self._warned = self._planner.plan().warnings
        self._fire(PluginPhase.POST_VALIDATION)
        return self._planned()

    def _end(self) -> None:
        """Fire the phases after the job.

        After a first signal they run on with the cleanup timeout; a second signal aborts them.
        """
        self._ending = self._stop.patient = True
        if self._result is not None:
            self.results = {step.name: step for step in self._result.steps}
            if not self._result.success:
                self._fail(JobFailedError(self._result))
        try:
            if self._result is not None:
                self._fire(PluginPhase.POST_EXECUTION)
                self._tell_triggers(self._result)
            if self._failure is not None:
                self._fire(PluginPhase.ON_ERROR)
            self._fire(PluginPhase.CLEANUP)
        except Interrupted as error:
            self._fail(error)
        if self._alone:
            end_left(self._warn_of, self._planner.settings.config.grace_period)

    def _warn_of(self, text: str) -> None:
        self._tell(Warned(self._masker.mask_string(text)))

    def _tell_triggers(self, result: JobResult) -> None:
        try:
            told = tell_triggers(self._planner.plan(), self._masker, result, self._listeners, self._sinks())
        except RunnerError as error:
            self._fail(error)
            return
        if told is not result:
            self._result = told
            if self._failure is None:
                self._fail(JobFailedError(told))

    def _sinks(self) -> list[LimitedSink]:
        members = {member.name: member for member in self.crew.members()}
        return [
            LimitedSink(sink, members[plugin], self._limit, partial(self.say, plugin))
            for plugin, sink in self._services.sinks
        ]

    def _fail(self, error: BaseException) -> None:
        """Record the first failure as that of the run; report later ones as warnings."""
        if self._failure is None:
            self._failure = error
        elif isinstance(error, RunnerError) and not isinstance(error, JobFailedError):
            self._tell(Warned(self._masker.mask_string(str(error))))

    # -- calling

    def _fire(self, phase: PluginPhase) -> None:
        self._phase = phase.value
        try:
            self._fire_each(phase)
        finally:
            self._phase = ""

    def _fire_each(self, phase: PluginPhase) -> None:
        for member in self.crew.having(phase.value):
            try:
                self._call(member, phase)
            except Interrupted:
                raise
            except RunnerError as error:
                if not self._ending:
                    raise
                self._fail(error)

    def _call(self, member: Member, phase: PluginPhase) -> None:
        config, env = self._planner.settings.config, self._planner.env()
        context = self.context(member, phase, dict(env))
        inbox: SimpleQueue[object] = SimpleQueue()

        def stop(signum: int) -> None:
            inbox.put(Interrupted(signum, signal_name(signum)))

        with self._stop.forwarded(stop), self._capture.taken(member.name, inbox):
            self.call(member, phase.value, context, partial(self.say, member.name), inbox)
        who = f"plugin '{member.name}' in {phase.value}"
        settings = changed_settings(config, context.config, who)
        variables = changed_env(env, context.env_vars, who)
        late = [name for name in settings if not in_time(name, phase)]
        if variables and not in_time("job_env", phase):
            late.append("env_vars")
            variables = {}
        for name in late:
            self._tell(Warned(f"{who} changed {name}, which has been used; that has no effect"))
        settings = {name: change for name, change in settings.items() if name not in late}
        if settings or variables:
            self._planner.change(settings, variables)
            self.hide({name: value for name, value in variables.items() if value is not None}, {})
        for plugin, observer in self._services.observers:
            self._listeners.add(plugin, observer)
        self._services.observers.clear()

    def call(
        self,
        member: Member,
        hook: str,
        context: PluginContext,
        tell: Callable[[str], object],
        inbox: SimpleQueue[object],
    ) -> None:
        """Call the functions of a plugin for a phase or a step hook. Raises PluginError and VetoError."""
        functions = [partial(function, context) for function in member.one.hooks[hook]]
        inside = copy_context()  # what a hook triggers is the job's; what this run itself is a part of stays as it is
        inside.run(SPOOL.set, self._planner.spool)
        inside.run(member.calls.call, functions, hook, self._limit(), tell, context.phase, inbox)

    def context(self, member: Member, phase: PluginPhase | None, env: dict[str, str]) -> PluginContext:
        """Make the context of a hook: copies, except the plugin's own metadata and the shared services."""
        failure = self._failure
        return PluginContext(
            config=changeable(self._planner.settings.config, self._masker),
            phase=phase,
            job_path=self._planner.request.located().base,
            env_vars=env,
            exit_code=self._exit_code(),
            error=failure.with_traceback(None) if isinstance(failure, Exception) else None,
            metadata=member.metadata,
            results=dict(self.results),
            dry_run=self._dry_run,
            plugin=member.name,
            services=self._services,
        )

    def hide(self, env: Mapping[str, str], known: Mapping[str, str]) -> None:
        """Mask the variables that are secret by their names, except those in `known`."""
        new = {name: value for name, value in env.items() if known.get(name) != value}
        for secret in named_secrets(new, self._planner.settings.config):
            self._masker.register_secret(secret.value, secret.name)

    def _planned(self) -> RunPlan:
        """Return the plan, after a warning about each new secret that will not be masked."""
        plan = self._planner.plan()
        if self._services.listening:
            warn(plan, self._masker, self._listeners, self._warned)
        self._warned = plan.warnings
        return plan

    def _limit(self) -> Limit:
        config = self._planner.settings.config
        return Limit(config.plugin_timeout, config.cleanup_timeout, self._stop)

    def _exit_code(self) -> int | None:
        if self._failure is not None:
            return getattr(self._failure, "exit_code", RunnerError.exit_code)
        return None if self._result is None else self._result.exit_code

    # -- telling

    def _say_written(self, plugin: str, line: str) -> None:
        with suppress(OutputError):  # the next event raises it again
            self._listeners.tell_audience(Notice(self._masker.mask_string(f"{plugin}: {line}")))

    def say(self, plugin: str, line: str) -> None:
        """Report a line that a plugin printed."""
        self._notice(f"{plugin}: {line}")

    def _notice(self, text: str) -> None:
        self._tell(Notice(self._masker.mask_string(text), self._phase))

    def _tell(self, event: Event) -> None:
        """Send an event to the observers; a lost reader ends the run, but not the phases after the job."""
        try:
            self._listeners.observe(event)
        except OutputError as error:
            if not self._ending:
                raise
            if self._failure is None:
                self._failure = error

    def _show_kept(self) -> None:
        """Write events that no observer has received to stdout and stderr."""
        if not self._listeners.kept:
            return
        with suppress(OutputError):
            shown = console("raw", self._ends(), TerminalCapabilities())
            try:
                self._listeners.open(shown)
            finally:
                shown.close()
