"""Loading of plugins from files and installed packages."""

from __future__ import annotations

import inspect
import itertools
import os
import sys
from contextvars import ContextVar
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

from runnerlib._util.files import explain, open_regular
from runnerlib.errors import RunnerError
from runnerlib.plugins.errors import PluginError
from runnerlib.plugins.plugin import Plugin

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

COLLECTED: ContextVar[list[Plugin] | None] = ContextVar("COLLECTED", default=None)
"""The plugins that a file registers itself while it is being loaded."""

_numbers = itertools.count(1)


def plugin_files(directory: Path, root: Path | None = None, forbidden: Path | None = None) -> list[Path]:
    """Return the files `plugin_*.py` of `directory`, sorted by name, with symlinks resolved.

    Each must lie in `root` (default: the directory) and not in `forbidden`, wherever symlinks lead.
    Raises PluginError for one that does not, or that is no regular file.
    """
    real = Path(os.path.realpath(directory))
    inside = Path(os.path.realpath(root or directory))
    if not real.is_relative_to(inside):
        raise PluginError(f"the plugin directory '{directory}' leads to '{real}', outside of '{inside}'")
    try:
        names = sorted(name for name in os.listdir(real) if name.startswith("plugin_") and name.endswith(".py"))
    except OSError as error:
        raise PluginError(f"cannot read the plugin directory '{directory}': {error.strerror}") from None
    files = []
    for name in names:
        file = Path(os.path.realpath(real / name))
        if not file.is_relative_to(inside) or (forbidden is not None and file.is_relative_to(forbidden)):
            raise PluginError(f"the plugin file '{real / name}' leads to '{file}', outside of '{inside}'")
        files.append(file)
    return files


def load_file(file: Path) -> list[Plugin]:
    """Execute a plugin file; return an instance of each plugin class in it, and the plugins that it registers.

    Left out are abstract classes and those whose names begin with an underscore. No bytecode is written to its
    directory. Raises PluginError, and any exception that the file raises.
    """
    module = ModuleType(f"runnerlib_{file.stem}_{next(_numbers)}")
    module.__file__ = str(file)
    collected: list[Plugin] = []
    token = COLLECTED.set(collected)
    sys.modules[module.__name__] = module  # dataclasses and pickle look for it
    try:
        exec(compile(_text(file), str(file), "exec", dont_inherit=True), vars(module))  # noqa: S102 - what plugins are
        given = {type(plugin) for plugin in collected}
        collected += [make() for make in _classes(module) if make not in given]
    except BaseException:
        del sys.modules[module.__name__]
        raise
    finally:
        COLLECTED.reset(token)
    if not collected:
        raise PluginError("it defines no subclass of runnerlib.plugins.Plugin")
    return collected


def _classes(module: ModuleType) -> Iterator[Callable[[], Plugin]]:
    for value in dict.fromkeys(value for value in vars(module).values() if isinstance(value, type)):
        own = issubclass(value, Plugin) and value.__module__ == module.__name__
        if own and not value.__name__.startswith("_") and not inspect.isabstract(value):
            yield value


def _text(file: Path) -> bytes:
    """Return the content of a regular file; others are refused, because opening a pipe would wait for ever."""
    try:
        with open(open_regular(file), "rb") as opened:
            return opened.read()
    except OSError as error:
        raise PluginError(explain(error)) from None


def packaged(names: tuple[str, ...]) -> Iterator[object]:
    """Yield the plugins, or their classes, of the entry-point group `runnerlib.plugins` of installed packages.

    `names` are those of entry points, or `all`. Raises RunnerError for a name that no installed package offers.
    """
    import importlib.metadata  # takes 30 ms, so only runs that use packages load it

    offered = {entry.name: entry for entry in importlib.metadata.entry_points(group="runnerlib.plugins")}
    for name in sorted(offered) if "all" in names else names:
        if name not in offered:
            raise RunnerError(
                f"no installed package offers the plugin '{name}' ({', '.join(sorted(offered)) or 'none'})"
            )
        made = offered[name].load()
        yield made() if isinstance(made, type) else made
