"""The hooks of plugins before and after each step, called while the event loop goes on."""

from __future__ import annotations

import asyncio
from functools import partial
from queue import SimpleQueue
from typing import TYPE_CHECKING

from runnerlib.errors import Interrupted, RunnerError
from runnerlib.events.result import signal_name
from runnerlib.runner.plugin_host.changes import changed_env

if TYPE_CHECKING:
    from collections.abc import Mapping

    from runnerlib.events.result import StepResult
    from runnerlib.pipeline.job import Step
    from runnerlib.plugins.context import PluginContext
    from runnerlib.runner.plugin_host.active_plugins import Member
    from runnerlib.runner.plugin_host.host import Life


class StepHooks:
    """Asks the plugins of a run around each of its steps."""

    def __init__(self, life: Life) -> None:
        self._life = life

    async def before(self, step: Step, env: Mapping[str, str]) -> Mapping[str, str]:
        """The environment that the plugins leave the step. Raises PluginError and VetoError."""
        for member in self._life.crew.having("pre_step"):
            given = dict(env)
            context = self._life.context(member, None, given)
            context.step = step
            await self._call(member, "pre_step", context)
            left = context.env_vars
            changed_env(env, left, f"plugin '{member.name}' in pre_step")
            env = dict(left or {})
            self._life.hide(env, given)
        return env

    async def after(self, step: Step, result: StepResult) -> None:
        """Tell the plugins; all of them, whatever one does. Raises the first PluginError or VetoError."""
        self._life.results[step.name] = result
        failed: RunnerError | None = None
        for member in self._life.crew.having("post_step"):
            context = self._life.context(member, None, {})
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
            loop.call_soon_threadsafe(self._life.say, member.name, line)

        call = partial(self._life.call, member, hook, context, tell, inbox)
        waiting = asyncio.ensure_future(asyncio.to_thread(call))
        try:
            await asyncio.shield(waiting)
        except asyncio.CancelledError:
            inbox.put(Interrupted(15, signal_name(15)))
            await asyncio.wait([waiting])
            waiting.exception()
            raise
