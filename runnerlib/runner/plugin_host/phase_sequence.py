"""The phases of a run: the hooks of all plugins for one phase, in the order of their priorities."""

from __future__ import annotations

from typing import TYPE_CHECKING

from runnerlib.errors import Interrupted, RunnerError

if TYPE_CHECKING:
    from runnerlib.plugins.phase import PluginPhase
    from runnerlib.runner.hooks import RunState
    from runnerlib.runner.plugin_host.active_plugins import ActivePlugins
    from runnerlib.runner.plugin_host.hook_calls import HookCalls


class PhaseSequence:
    """Fires phases. Up to the end of the job a failing hook ends the run; afterwards all hooks are called."""

    def __init__(self, run: RunState, plugins: ActivePlugins, calls: HookCalls) -> None:
        self._run = run
        self._plugins = plugins
        self._calls = calls

    def fire(self, phase: PluginPhase) -> None:
        """Call the hooks of a phase. Raises Interrupted, and RunnerError before the end of the job."""
        self._calls.phase = phase.value
        try:
            for member in self._plugins.having(phase.value):
                try:
                    self._calls.call_for(member, phase)
                except Interrupted:
                    raise
                except RunnerError as error:
                    if not self._run.ending:
                        raise
                    self._run.failures.add(error)
        finally:
            self._calls.phase = ""
