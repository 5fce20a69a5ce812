"""What a plugin is: a subclass of `Plugin` with hooks."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from runnerlib.plugins.context import PluginContext
    from runnerlib.plugins.phase import PluginPhase


class Plugin:
    """Code that is called in the phases of a run. Subclass it and write the hooks you need.

    A hook is a method that is named as a phase (`pre_execution`), `pre_step` or `post_step`; it takes a
    `PluginContext`. `execute`, called first, is for all phases that `supported_phases` gives. Plugins
    with a lower `priority` are called first, those of equal priority in the order of their names. What a
    hook raises stops the run, apart from the phases after the job, where the others are still called.

    The hooks of a plugin are called one at a time, in a thread that is not the main one.
    """

    def __init__(self, name: str, priority: int = 100) -> None:
        self.name = name
        self.priority = priority
        self.enabled = True

    def supported_phases(self) -> Iterable[PluginPhase]:
        """The phases to be called in; without this method, those whose hooks the class has."""
        return ()

    def execute(self, context: PluginContext) -> None:
        """Called in every phase of `supported_phases`, before the hook of that name."""

    def pre_validation(self, context: PluginContext) -> None:
        """Before the configuration is checked: everything can still be changed."""

    def post_validation(self, context: PluginContext) -> None:
        """The configuration is valid."""

    def pre_source_prep(self, context: PluginContext) -> None:
        """Before sources are prepared; the last moment to change what they are."""

    def post_source_prep(self, context: PluginContext) -> None:
        """The sources are in place."""

    def pre_execution(self, context: PluginContext) -> None:
        """Before the job begins; the last moment to change its environment."""

    def post_execution(self, context: PluginContext) -> None:
        """The job has ended, with `context.exit_code`; not called for a job that did not begin."""

    def on_error(self, context: PluginContext) -> None:
        """The run failed: `context.error` says why."""

    def cleanup(self, context: PluginContext) -> None:
        """The last call, whatever happened."""

    def pre_step(self, context: PluginContext) -> None:
        """Before `context.step` runs; changes to `context.env_vars` are for this step."""

    def post_step(self, context: PluginContext) -> None:
        """`context.step` has ended as `context.result` says."""

    def pre_container(self, context: PluginContext) -> None:
        """Older name of `pre_execution`."""

    def post_container(self, context: PluginContext) -> None:
        """Older name of `post_execution`."""
