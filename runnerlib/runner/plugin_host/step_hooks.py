"""The hooks of plugins before and after each step, called while the event loop continues to run."""

from __future__ import annotations

import asyncio
from functools import partial
from queue import SimpleQueue
from typing import TYPE_CHECKING, Protocol

from runnerlib._util.system import signal_name
from runnerlib.errors import Interrupted, RunnerError
from runnerlib.runner.plugin_host.changes import changed_env

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from contextlib import AbstractContextManager

    from runnerlib.events.result import StepResult
    from runnerlib.pipeline.job import Step
    from runnerlib.plugins.context import PluginContext
    from runnerlib.plugins.phase import PluginPhase
    from runnerlib.runner.plugin_host.active_plugins import ActivePlugins, Member


class HookCaller(Protocol):
    """The calls of hooks that step hooks need; `HookCalls` has them."""

    plugins: ActivePlugins
    results: dict[str, StepResult]

    def call(
        self,
        member: Member,
        hook: str,
        context: PluginContext,
        tell: Callable[[str], object],
        inbox: SimpleQueue[object],
    ) -> None:
        """Call one hook and wait for it."""

    def context(self, member: Member, phase: PluginPhase | None, env: dict[str, str]) -> PluginContext:
        """Make the context of a hook."""
        ...

    def hide(self, env: Mapping[str, str], known: Mapping[str, str]) -> None:
        """Mask variables added by hooks whose names look secret."""

    def measuring(self, member: Member, hook: str, step: str) -> AbstractContextManager[None]:
        """Tell how long the block took."""
        ...

    def say(self, plugin: str, line: str) -> None:
        """Show a line that a hook has printed."""


class PluginStepHooks:
    """Calls the step hooks of a run's plugins."""

    def __init__(self, host: HookCaller) -> None:
        self._host = host

    async def before(self, step: Step, env: Mapping[str, str]) -> Mapping[str, str]:
        """Return the environment of the step, as changed by plugins. Raises PluginError and VetoError."""
        for member in self._host.plugins.having("pre_step"):
            given = dict(env)
            context = self._host.context(member, None, given)
            context.step = step
            await self._call(member, "pre_step", context)
            left = context.env_vars
            changed_env(env, left, f"plugin '{member.name}' in pre_step")
            env = dict(left or {})
            self._host.hide(env, given)
        return env

    async def after(self, step: Step, result: StepResult) -> None:
        """Call the hooks of all plugins, even if one fails. Raises the first PluginError or VetoError."""
        self._host.results[step.name] = result
        failed: RunnerError | None = None
        for member in self._host.plugins.having("post_step"):
            context = self._host.context(member, None, {})
            context.step, context.result, context.exit_code = step, result, result.exit_code
            try:
                await self._call(member, "post_step", context)
            except RunnerError as error:
                failed = failed or error
        if failed is not None:
            raise failed

    async def _call(self, member: Member, hook: str, context: PluginContext) -> None:
        loop = asyncio.get_running_loop()
        inbox: SimpleQueue[object] = SimpleQueue()

        def tell(line: str) -> None:
            loop.call_soon_threadsafe(self._host.say, member.name, line)

        call = partial(self._host.call, member, hook, context, tell, inbox)
        waiting = asyncio.ensure_future(asyncio.to_thread(call))
        with self._host.measuring(member, hook, context.step.name if context.step is not None else ""):
            try:
                await asyncio.shield(waiting)
            except asyncio.CancelledError:
                inbox.put(Interrupted(15, signal_name(15)))
                await asyncio.wait([waiting])
                waiting.exception()
                raise
