"""Calls of hooks: the context of each, its changes, and the lines that it prints."""

from __future__ import annotations

from contextvars import copy_context
from functools import partial
from queue import SimpleQueue
from typing import TYPE_CHECKING

from runnerlib._util.system import signal_name
from runnerlib.errors import ConfigError, Interrupted, RunnerError
from runnerlib.events import Notice
from runnerlib.plugins.context import PluginContext, changeable
from runnerlib.plugins.deadline import Limit
from runnerlib.runner.environment import named_secrets
from runnerlib.runner.plugin_host.changes import changed_env, changed_settings, in_time
from runnerlib.triggers.spool import SPOOL

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from contextlib import AbstractContextManager

    from runnerlib.events.result import StepResult
    from runnerlib.plugins.context import Services
    from runnerlib.plugins.phase import PluginPhase
    from runnerlib.runner.hooks import RunState
    from runnerlib.runner.plan import RunPlan
    from runnerlib.runner.planner import Planner
    from runnerlib.runner.plugin_host.active_plugins import ActivePlugins, Member
    from runnerlib.runner.plugin_host.event_fanout import Listeners
    from runnerlib.runner.plugin_host.output_capture import Capture


class HookCalls:
    """Calls the hooks of a run's plugins. `phase` is the one that is fired, `results` are those of the steps."""

    def __init__(
        self,
        run: RunState,
        planner: Planner[RunPlan],
        services: Services,
        plugins: ActivePlugins,
        listeners: Listeners,
        capture: Capture,
        *,
        dry_run: bool,
    ) -> None:
        self.plugins = plugins
        self.phase = ""
        self.results: dict[str, StepResult] = {}
        self._run = run
        self._planner = planner
        self._services = services
        self._listeners = listeners
        self._capture = capture
        self._dry_run = dry_run
        self._masker = planner.services.masker

    def call_for(self, member: Member, phase: PluginPhase) -> None:
        """Call the hook of a plugin for a phase, and take over its changes. Raises RunnerError."""
        config, env = self._planner.settings.config, self._planner.env()
        context = self.context(member, phase, dict(env))
        inbox: SimpleQueue[object] = SimpleQueue()

        def stop(signum: int) -> None:
            inbox.put(Interrupted(signum, signal_name(signum)))

        with (
            self._run.stop.forwarded(stop),
            self._capture.taken(member.name, inbox),
            self._run.measuring("hook", member.name, phase.value),
        ):
            self.call(member, phase.value, context, partial(self.say, member.name), inbox)
        subject = f"plugin '{member.name}' in {phase.value}"
        settings = changed_settings(config, context.config, subject)
        variables = changed_env(env, context.env_vars, subject)
        late = [name for name in settings if not in_time(name, phase)]
        if variables and not in_time("job_env", phase):
            late.append("env_vars")
            variables = {}
        for name in late:
            self._run.warn(f"{subject} changed {name}, which has been used; that has no effect")
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
        inside.run(member.calls.call, functions, hook, self.limit(), tell, context.phase, inbox)

    def context(self, member: Member, phase: PluginPhase | None, env: dict[str, str]) -> PluginContext:
        """Make the context of a hook: copies, except the plugin's own metadata and the shared services."""
        failure = self._run.failures.first
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

    def _exit_code(self) -> int | None:
        failure, result = self._run.failures.first, self._run.result
        if isinstance(failure, ConfigError):
            return self._planner.settings.config.config_exit_code
        if failure is not None:
            return getattr(failure, "exit_code", RunnerError.exit_code)
        return None if result is None else result.exit_code

    def limit(self) -> Limit:
        """Return the time limit of the next call."""
        config = self._planner.settings.config
        return Limit(config.plugin_timeout, config.cleanup_timeout, self._run.stop)

    def hide(self, env: Mapping[str, str], known: Mapping[str, str]) -> None:
        """Mask the variables that are secret by their names, except those in `known`."""
        new = {name: value for name, value in env.items() if known.get(name) != value}
        for secret in named_secrets(new, self._planner.settings.config):
            self._masker.register_secret(secret.value, secret.name)

    # -- telling

    def measuring(self, member: Member, hook: str, step: str) -> AbstractContextManager[None]:
        """Tell how long a hook took that is called beside a step."""
        return self._run.measuring("hook", member.name, hook, step)

    def say(self, plugin: str, line: str) -> None:
        """Report a line that a plugin printed."""
        self.notice(f"{plugin}: {line}")

    def notice(self, text: str) -> None:
        """Send a notice, with the phase that is fired."""
        self._run.tell(Notice(self._masker.mask_string(text), self.phase))
