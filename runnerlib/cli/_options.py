"""Command line options for settings."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

import click

from runnerlib.config import SETTINGS, Setting, parsers
from runnerlib.config.setting import PROFILED

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from click.shell_completion import CompletionItem

F = TypeVar("F", bound="Callable[..., Any]")


def setting_options(names: Iterable[str] = SETTINGS) -> Callable[[F], F]:
    """Add `--config` and one option for each of the settings `names`; the command gets them as keyword arguments."""
    settings = [setting for setting in map(SETTINGS.__getitem__, names) if setting.offered]

    def decorate(command: F) -> F:
        for setting in reversed(settings):
            command = _option(setting)(command)
        config = "YAML or JSON file of settings. [REACTORCIDE_CONFIG]"
        return click.option("--config", "config_file", metavar="FILE", help=config, shell_complete=_values)(command)

    return decorate


def _option(setting: Setting) -> Callable[[F], F]:
    """Return the option of a setting. A switch takes no value; environment or file can still set it to `false`."""
    if setting.parse is parsers.boolean:
        return click.option(setting.option, setting.name, flag_value="true", default=None, help=_help(setting))
    if setting.parse is parsers.inputs:  # a value may hold whatever separates those of other options
        return click.option(
            setting.option,
            setting.name,
            multiple=True,
            metavar="NAME=VALUE",
            callback=_several,
            help=_help(setting),
        )
    more: dict[str, Any] = {"is_flag": False, "flag_value": PROFILED} if setting.name == "profile" else {}
    return click.option(
        setting.option, setting.name, metavar=_metavar(setting), help=_help(setting), shell_complete=_values, **more
    )


def _several(_ctx: click.Context, _param: click.Parameter, given: tuple[str, ...]) -> tuple[str, ...] | None:
    """Return the values of an option that may be repeated; None if it is not given."""
    return given or None


def _values(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Return the values for completion; loaded only when a shell asks."""
    from runnerlib.cli._completion import values

    return values(ctx, param.name or "", incomplete)


def complete_entries(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Return the steps or jobs for completion."""
    from runnerlib.cli._completion import entries

    return entries(ctx, param, incomplete)


def _metavar(setting: Setting) -> str:
    return setting.name.rpartition("_")[2].upper()


def _help(setting: Setting) -> str:
    text = setting.help[0].upper() + setting.help[1:]
    if isinstance(setting.default, (str, int, float)) and not isinstance(setting.default, bool):
        text += f" (default: {_shown(setting.default)})"
    return f"{text}. [{setting.variable}]"


def _shown(default: str | float) -> str:
    if isinstance(default, int) and default and not default % (1 << 30):
        return f"{default >> 30}G"
    return default if isinstance(default, str) else f"{default:.15g}"
