"""The registered plugins, in the order of their calls."""

from __future__ import annotations

import threading
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from runnerlib.plugins.errors import PluginError
from runnerlib.plugins.loading import COLLECTED, load_file, plugin_files
from runnerlib.plugins.phase import PluginPhase
from runnerlib.plugins.src_alias import older_names
from runnerlib.plugins.validation import registered

if TYPE_CHECKING:
    from collections.abc import Callable

    from runnerlib.plugins.context import PluginContext
    from runnerlib.plugins.plugin import Plugin
    from runnerlib.plugins.validation import Registered


class PluginManager:
    """Plugins by name. A plugin is checked when it is registered; each name is used only once.

    Source: the names of Reactorcide's plugin manager.
    """

    def __init__(self) -> None:
        self._registered: dict[str, Registered] = {}
        self._lock = threading.Lock()

    @property
    def plugins(self) -> dict[str, Plugin]:
        """The plugins by their names."""
        return {name: one.plugin for name, one in self._registered.items()}

    @property
    def phase_plugins(self) -> dict[PluginPhase, list[Plugin]]:
        """The plugins of each phase, in the order of their calls."""
        return {phase: [one.plugin for one in self.ordered() if phase.value in one.hooks] for phase in PluginPhase}

    def ordered(self) -> list[Registered]:
        """Return all registered plugins: lower priority first, then by name."""
        with self._lock:
            return sorted(self._registered.values(), key=lambda one: (one.priority, one.name))

    def register_plugin(self, plugin: Plugin) -> None:
        """Add `plugin`. Raises PluginError when it is wrong, or its name belongs to another one."""
        self.add(registered(plugin))

    def add(self, checked: Registered) -> None:
        """Add a plugin that was checked. Raises PluginError when its name belongs to another one."""
        with self._lock:
            other = self._registered.setdefault(checked.name, checked)
        if other.plugin is not checked.plugin:
            whose = f"the name belongs to a plugin of {other.file}"
            raise PluginError(f"plugin '{checked.name}' ({checked.file}): {whose}")

    def unregister_plugin(self, name: str) -> None:
        """Remove a plugin; an unknown name is no error."""
        with self._lock:
            self._registered.pop(name, None)

    def load_plugin_from_file(self, path: str | Path) -> None:
        """Register every plugin of a file. Raises PluginError."""
        try:
            with older_names():
                plugins = load_file(Path(path).resolve())
        except Exception as error:
            raise PluginError(f"plugin file '{path}': {type(error).__name__}: {error}") from error
        for plugin in plugins:
            self.register_plugin(plugin)

    def load_plugins_from_directory(self, directory: str | Path) -> None:
        """Register every plugin of the files `plugin_*.py` in a directory, sorted by name. Raises PluginError."""
        for file in plugin_files(Path(directory)):
            self.load_plugin_from_file(file)

    def execute_phase(self, phase: PluginPhase, context: PluginContext) -> None:
        """Call the hooks of a phase directly, as a test of plugins does; an exception in a hook is raised.

        Before it is raised, the hooks of ON_ERROR are called, with a separate context that holds the `error`. A run
        calls hooks in another way: each with its own context, in its own thread, with a time limit.
        """
        context.phase = PluginPhase(phase)
        try:
            for hook in self._hooks(context.phase):
                hook(context)
        except Exception as error:
            if context.phase is not PluginPhase.ON_ERROR:
                self._tell_error(replace(context, phase=PluginPhase.ON_ERROR, error=error), error)
            raise

    def _tell_error(self, context: PluginContext, error: Exception) -> None:
        """Call all hooks of ON_ERROR; exceptions in them become notes of `error`."""
        for hook in self._hooks(PluginPhase.ON_ERROR):
            try:
                hook(context)
            except Exception as other:
                error.add_note(f"on_error: {type(other).__name__}: {other}")

    def _hooks(self, phase: PluginPhase) -> list[Callable[[PluginContext], object]]:
        """Return the hooks of a phase, in the order of their calls."""
        return [hook for one in self.ordered() if one.plugin.enabled for hook in one.hooks.get(phase.value, ())]

    def get_plugin(self, name: str) -> Plugin | None:
        """Return the plugin of that name; None if there is none."""
        return self.plugins.get(name)

    def list_plugins(self) -> list[str]:
        """Return the names of the plugins, in the order of their calls."""
        return [one.name for one in self.ordered()]

    def enable_plugin(self, name: str) -> bool:
        """Enable a plugin; return False if there is none of that name."""
        return self._enable(name, enabled=True)

    def disable_plugin(self, name: str) -> bool:
        """Disable a plugin; return False if there is none of that name."""
        return self._enable(name, enabled=False)

    def _enable(self, name: str, *, enabled: bool) -> bool:
        plugin = self.get_plugin(name)
        if plugin is not None:
            plugin.enabled = enabled
        return plugin is not None


plugin_manager = PluginManager()
"""The plugins of this process, called in each of its runs."""


def get_plugin_manager() -> PluginManager:
    """Return the registry with the plugins of this process."""
    return plugin_manager


def register_plugin(plugin: Plugin) -> None:
    """Register `plugin` for every later run of this process.

    In a plugin file, the plugin is added to the run that loads the file. Raises PluginError.
    """
    collected = COLLECTED.get()
    if collected is None:
        plugin_manager.register_plugin(plugin)
    else:
        collected.append(plugin)


def unregister_plugin(name: str) -> None:
    """Remove the plugin of that name; an unknown name is no error."""
    plugin_manager.unregister_plugin(name)


def initialize_plugins(directory: str | None = None) -> PluginManager:
    """Register the plugins of a directory in this process, and return the registry. Raises PluginError."""
    if directory is not None:
        plugin_manager.load_plugins_from_directory(directory)
    return plugin_manager
