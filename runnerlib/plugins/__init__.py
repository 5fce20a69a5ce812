"""Plugins: code that is called in the phases of a run and can change it.

`plugin` defines the base class, `phase` the phases, `context` the argument of hooks, `observer` a base class of
observers. `validation` checks plugins, `registry` stores them, `trust` says which sources may bring them and `loading`
loads them. `hook_runner` calls hooks in the `hook_thread` of their plugin, within its `deadline`. `print_capture` and
`fd_capture` capture the output of plugins. `src_alias` lets files for the older package `src` work.
"""

from __future__ import annotations

from runnerlib.output.streams import Streams
from runnerlib.plugins.context import PluginContext
from runnerlib.plugins.errors import PluginError, VetoError
from runnerlib.plugins.observer import Watcher
from runnerlib.plugins.phase import PluginPhase
from runnerlib.plugins.plugin import Plugin
from runnerlib.plugins.registry import (
    PluginManager,
    get_plugin_manager,
    initialize_plugins,
    plugin_manager,
    register_plugin,
    unregister_plugin,
)
from runnerlib.plugins.src_alias import older_names

__all__ = [
    "Plugin",
    "PluginContext",
    "PluginError",
    "PluginManager",
    "PluginPhase",
    "Streams",
    "VetoError",
    "Watcher",
    "get_plugin_manager",
    "initialize_plugins",
    "older_names",
    "plugin_manager",
    "register_plugin",
    "unregister_plugin",
]
