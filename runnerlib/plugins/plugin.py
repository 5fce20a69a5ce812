"""The base class of plugins."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from runnerlib.plugins.context import PluginContext
    from runnerlib.plugins.phase import PluginPhase


class Plugin:
    """Code that is called in the phases of a run. Subclass it and write the hooks you need.

    A hook is a method with the name of a phase (`pre_execution`), `pre_step` or `post_step`; it takes a
    `PluginContext`. `execute` is called before the hook, in all phases that `supported_phases` returns. Plugins
    with a lower `priority` are called first, those of equal priority in the order of their names. An exception in
    a hook stops the run; in the phases after the job, the other hooks are still called.

    The hooks of a plugin are called one at a time, in a thread that is not the main one.
    """

    def __init__(self, name: str, priority: int = 100) -> None:
        self.name = name
        self.priority = priority
        self.enabled = True

    def supported_phases(self) -> Iterable[PluginPhase]:
        """Return the phases to be called in; by default those whose hooks the class has."""
        return ()

    def execute(self, context: PluginContext) -> None:
        """Called in every phase of `supported_phases`, before the hook of that name."""

    def pre_validation(self, context: PluginContext) -> None:
        """Called before the configuration is checked: every setting can still be changed."""

    def post_validation(self, context: PluginContext) -> None:
        """Called when the configuration is valid."""

    def pre_source_prep(self, context: PluginContext) -> None:
        """Called before sources are prepared; the last phase in which their settings can be changed."""

    def post_source_prep(self, context: PluginContext) -> None:
        """Called when the sources are in place."""

    def pre_execution(self, context: PluginContext) -> None:
        """Called before the job begins; the last phase in which its environment can be changed."""

    def post_execution(self, context: PluginContext) -> None:
        """Called when the job has ended, with `context.exit_code`; not called for a job that did not begin."""

    def on_error(self, context: PluginContext) -> None:
        """Called when the run failed: `context.error` says why."""

    def cleanup(self, context: PluginContext) -> None:
        """Called last, in every run."""

    def pre_step(self, context: PluginContext) -> None:
        """Called before `context.step` runs; changes to `context.env_vars` are for this step only."""

    def post_step(self, context: PluginContext) -> None:
        """Called when `context.step` has ended, with `context.result`."""

    def pre_container(self, context: PluginContext) -> None:
        """Older name of `pre_execution`."""

    def post_container(self, context: PluginContext) -> None:
        """Older name of `post_execution`."""
