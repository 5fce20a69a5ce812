"""The changes that a hook made in its context, and the last phase in which each takes effect. Pure."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING

from runnerlib.config import OBSERVING, SETTINGS, Layer, Origin, RunnerConfig
from runnerlib.plugins.errors import PluginError
from runnerlib.plugins.phase import PluginPhase

if TYPE_CHECKING:
    from collections.abc import Mapping

_ORDER = {phase: number for number, phase in enumerate(PluginPhase)}

# Settings used before the first phase: the run needs them to find its plugins and to mask.
_FIXED = {
    *("work_dir", "profile", "config_exit_code", "plugin_dir", "plugin_packages", "trust_source_plugins"),
    *("mask_marker", "secret_shapes", "mask_members", "secret_min_length", "secret_env_min_length"),
}
# The last phase in which a change of these takes effect; all others can be changed up to PRE_EXECUTION.
_LAST = {
    **dict.fromkeys(("job_file",), PluginPhase.PRE_VALIDATION),
    **dict.fromkeys(
        ("output", "events", "report", "junit", "annotations", "code_quality", "log_limit", "artifacts_dir"),
        PluginPhase.POST_VALIDATION,
    ),
    **dict.fromkeys(OBSERVING, PluginPhase.POST_VALIDATION),
    "code_dir": PluginPhase.PRE_SOURCE_PREP,
}
_SOURCES = ("source_", "ci_source_", "cache_")


def in_time(name: str, phase: PluginPhase) -> bool:
    """Return whether a change of the setting `name` made in `phase` takes effect."""
    if name in _FIXED:
        return False
    usual = PluginPhase.PRE_SOURCE_PREP if name.startswith(_SOURCES) else PluginPhase.PRE_EXECUTION
    return _ORDER[phase] <= _ORDER[_LAST.get(name, usual)]


def changed_settings(before: RunnerConfig, after: object, who: str) -> dict[str, tuple[object, Origin]]:
    """Return the changed settings, checked, with `who` as their origin. Raises PluginError for a wrong value."""
    if not isinstance(after, RunnerConfig):
        raise PluginError(f"{who}: context.config is no RunnerConfig any more")
    changes: dict[str, tuple[object, Origin]] = {}
    for field in fields(RunnerConfig):
        value = getattr(after, field.name)
        if value == getattr(before, field.name):
            continue
        try:
            checked = value if value is None and field.default is None else SETTINGS[field.name].parse(value)
        except ValueError as error:
            raise PluginError(f"{who}: {field.name}: {error}") from None
        changes[field.name] = checked, Origin(Layer.PLUGIN, who.removeprefix("plugin "))
    return changes


def changed_env(before: Mapping[str, str], after: object, who: str) -> dict[str, str | None]:
    """Return the changed variables, None for a removed one. Raises PluginError for an invalid name or value."""
    if not isinstance(after, dict):
        raise PluginError(f"{who}: context.env_vars is no dict any more")
    for name, value in after.items():
        if not isinstance(name, str) or not name or "=" in name or "\0" in name:
            raise PluginError(f"{who}: {name!r} is no name of a variable")
        if not isinstance(value, str) or "\0" in value:
            raise PluginError(f"{who}: variable '{name}' is no text that a process can be given")
    gone: dict[str, str | None] = {name: None for name in before if name not in after}
    return gone | {name: value for name, value in after.items() if before.get(name) != value}
