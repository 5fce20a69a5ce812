"""The options that the settings declare."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

import click

from runnerlib.config import SETTINGS, Setting

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

F = TypeVar("F", bound="Callable[..., Any]")


def setting_options(names: Iterable[str] = SETTINGS) -> Callable[[F], F]:
    """Add `--config` and one option for each of the settings `names`; the command gets them as keyword arguments."""
    settings = [SETTINGS[name] for name in names]

    def decorate(command: F) -> F:
        for setting in reversed(settings):
            option = click.option(setting.option, setting.name, metavar=_metavar(setting), help=_help(setting))
            command = option(command)
        config = "YAML or JSON file of settings; or REACTORCIDE_CONFIG."
        return click.option("--config", "config_file", metavar="FILE", help=config)(command)

    return decorate


def _metavar(setting: Setting) -> str:
    return setting.name.rpartition("_")[2].upper()


def _help(setting: Setting) -> str:
    text = setting.help[0].upper() + setting.help[1:]
    if isinstance(setting.default, (str, int, float)):
        text += f" (default: {_shown(setting.default)})"
    return f"{text}. [{setting.variable}]"


def _shown(default: str | float) -> str:
    return default if isinstance(default, str) else f"{default:g}"
