"""The options that the settings declare."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

import click

from runnerlib.config import SETTINGS, Setting

if TYPE_CHECKING:
    from collections.abc import Callable

F = TypeVar("F", bound="Callable[..., Any]")


def setting_options(command: F) -> F:
    """Add `--config` and one option for every setting; the command gets them as keyword arguments."""
    for setting in list(SETTINGS.values())[::-1]:
        command = click.option(setting.option, setting.name, metavar=_metavar(setting), help=_help(setting))(command)
    return click.option(
        "--config", "config_file", metavar="FILE", help="YAML or JSON file of settings; or REACTORCIDE_CONFIG."
    )(command)


def _metavar(setting: Setting) -> str:
    return setting.name.rpartition("_")[2].upper()


def _help(setting: Setting) -> str:
    text = setting.help[0].upper() + setting.help[1:]
    if isinstance(setting.default, (str, int, float)):
        text += f" (default: {_shown(setting.default)})"
    return f"{text}. [{setting.variable}]"


def _shown(default: str | float) -> str:
    return default if isinstance(default, str) else f"{default:g}"
