"""Validation of a plugin when it is registered, so that its errors appear before any phase."""

from __future__ import annotations

import inspect
import sys
import threading
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, NamedTuple

from runnerlib.errors import unknown
from runnerlib.plugins.errors import PluginError
from runnerlib.plugins.phase import OLDER, STEP_HOOKS, PluginPhase
from runnerlib.plugins.plugin import Plugin

if TYPE_CHECKING:
    from collections.abc import Mapping

    from runnerlib.plugins.context import PluginContext

Hook = Callable[["PluginContext"], object]

_PHASES = tuple(phase.value for phase in PluginPhase)
_HOOKS = (*_PHASES, *STEP_HOOKS)
_LONGEST_NAME = 100
# A method counts as a misspelt hook from this similarity on.
_LIKENESS = 0.85


class Registered(NamedTuple):
    """A checked plugin: `file` is the path of its code; `hooks` are the functions to call, in order, by phase.

    `turn` is a lock held during a call of a hook: simultaneous runs take turns.
    """

    plugin: Plugin
    name: str
    priority: int
    file: str
    hooks: Mapping[str, tuple[Hook, ...]]
    turn: threading.Lock


def registered(plugin: object) -> Registered:
    """Check `plugin` and return its checked form. Raises PluginError for wrong names, phases and signatures."""
    if not isinstance(plugin, Plugin):
        what = "a class; give an instance of it" if isinstance(plugin, type) else f"got {type(plugin).__name__}"
        raise PluginError(f"a plugin is an instance of a subclass of runnerlib.plugins.Plugin: {what}")
    file, name = _file(type(plugin)), _name(plugin)

    def wrong(problem: str) -> PluginError:
        return PluginError(f"plugin '{name}' ({file}): {problem}")

    priority = getattr(plugin, "priority", None)
    if not isinstance(priority, int) or isinstance(priority, bool):
        raise wrong(f"priority {priority!r} is no whole number")
    own = {hook for hook in (*_HOOKS, *OLDER, "execute") if _has(plugin, hook)}
    for older, newer in OLDER.items():
        if older in own and newer in own and getattr(type(plugin), older) is not getattr(type(plugin), newer):
            raise wrong(f"'{older}' is an older name of '{newer}'; give one of them")
    for hook in sorted(own):
        _check_signature(getattr(plugin, hook), hook, wrong)
    _check_spelling(type(plugin), own, wrong)
    phases = _phases(plugin, own, wrong)
    return Registered(plugin, name, priority, file, _hooks(plugin, own, phases), threading.Lock())


def _hooks(plugin: Plugin, own: set[str], phases: Iterable[str]) -> dict[str, tuple[Hook, ...]]:
    spelled = {newer: older for older, newer in OLDER.items() if older in own}
    hooks: dict[str, tuple[Hook, ...]] = {}
    for phase in phases:
        method = phase if phase in own else spelled.get(phase, phase)
        hooks[phase] = tuple(getattr(plugin, hook) for hook in ("execute", method) if hook in own)
    return hooks | {hook: (getattr(plugin, hook),) for hook in STEP_HOOKS if hook in own}


def _phases(plugin: Plugin, own: set[str], wrong: Callable[[str], PluginError]) -> list[str]:
    """Return the phases in which to call the plugin, in order."""
    with_hook = {OLDER.get(hook, hook) for hook in own} & set(_PHASES)
    if not _has(plugin, "supported_phases"):
        if "execute" in own:
            raise wrong("it has execute(), so supported_phases() must say when to call it")
        wanted = with_hook
    else:
        wanted = {_phase(given, wrong).value for given in _given(plugin, wrong)}
        silent = [phase for phase in _PHASES if phase in wanted - with_hook and "execute" not in own]
        if silent:
            raise wrong(f"supported_phases() names {silent[0]}, but there is neither {silent[0]}() nor execute()")
        for hook in sorted(with_hook - wanted):
            if _later(type(plugin), hook, "supported_phases"):
                raise wrong(f"{hook}() would never be called: supported_phases() does not name {hook}")
    if not wanted and not own & set(STEP_HOOKS):
        raise wrong(f"it has no hook ({', '.join(_HOOKS)})")
    return [phase for phase in _PHASES if phase in wanted]


def _given(plugin: Plugin, wrong: Callable[[str], PluginError]) -> list[object]:
    try:
        return list(plugin.supported_phases())
    except Exception as error:
        raise wrong(f"supported_phases() failed: {type(error).__name__}: {error}") from None


def _phase(given: object, wrong: Callable[[str], PluginError]) -> PluginPhase:
    try:
        return PluginPhase(given)
    except ValueError:
        raise wrong(f"supported_phases(): {unknown('phase', str(given), _PHASES)}") from None


def _name(plugin: Plugin) -> str:
    name = getattr(plugin, "name", None)
    if name is None:
        raise PluginError(
            f"plugin of class {type(plugin).__name__} ({_file(type(plugin))}) has no name: "
            "its __init__ must call super().__init__(name)"
        )
    if not isinstance(name, str) or not name.strip() or not name.isprintable() or len(name) > _LONGEST_NAME:
        raise PluginError(f"{name!r} is no name of a plugin: 1 to {_LONGEST_NAME} printable characters are expected")
    return name


def _file(kind: type) -> str:
    module = sys.modules.get(kind.__module__)
    return getattr(module, "__file__", None) or getattr(kind, "__file__", None) or f"module {kind.__module__}"


def _has(plugin: Plugin, hook: str) -> bool:
    """Return whether the plugin itself defines this method."""
    if hook in vars(plugin):
        return True
    return getattr(type(plugin), hook, None) is not getattr(Plugin, hook, None)


def _later(kind: type, hook: str, other: str) -> bool:
    """Return whether `hook` is defined in the same class as `other` or in a subclass of it.

    A subclass may narrow `supported_phases` and leave hooks of its base class uncalled.
    """
    for ancestor in kind.__mro__:
        if hook in vars(ancestor) or any(older in vars(ancestor) for older, newer in OLDER.items() if newer == hook):
            return True
        if other in vars(ancestor):
            return False
    return False


def _check_signature(method: object, hook: str, wrong: Callable[[str], PluginError]) -> None:
    if not callable(method):
        raise wrong(f"'{hook}' is no method")
    function = inspect.unwrap(method)
    kinds = (inspect.iscoroutinefunction, inspect.isgeneratorfunction, inspect.isasyncgenfunction)
    if any(kind(function) for kind in kinds):
        raise wrong(f"{hook}() is a coroutine or a generator; hooks are plain functions")
    try:
        signature = inspect.signature(method)
    except (TypeError, ValueError):  # a callable without a signature
        return
    try:
        signature.bind(None)
    except TypeError:
        raise wrong(f"{hook}{signature} is called with the context alone; write {hook}(self, context)") from None


def _check_spelling(kind: type, own: set[str], wrong: Callable[[str], PluginError]) -> None:
    from difflib import get_close_matches  # a start without plugins does not need it

    for method in dir(kind):
        if method.startswith("_") or hasattr(Plugin, method) or not callable(getattr(kind, method, None)):
            continue
        near = get_close_matches(method, (*_HOOKS, *OLDER, "supported_phases"), 1, _LIKENESS)
        if near and near[0] not in own:
            raise wrong(f"'{method}' is no hook; did you mean '{near[0]}'?")
