"""Plugins: code that is called in the phases of a run and can change it.

`plugin` is what they are, `phase` when they are called, `context` what they are given. `registration`
checks them, `registry` keeps them, `origin` says where they may come from and `loading` brings them.
`calling` is the one way in which hooks are called, in the `thread` of their plugin, what they print caught
by `printing`. `older_names` lets files for the older package work.
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
