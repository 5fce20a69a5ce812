"""`runnerlib config`."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import fields
from typing import TYPE_CHECKING

import click

from runnerlib._util.system import own_terminal_size
from runnerlib.cli import _config_values as values
from runnerlib.cli._options import setting_options
from runnerlib.cli._request import current_directory, resolve_options, warn_of_misspelt
from runnerlib.config import SETTINGS, Layer, Resolved
from runnerlib.errors import ConfigError, printable, unknown
from runnerlib.output.text.columns import hanging
from runnerlib.runner.request import RunRequest
from runnerlib.runner.services import early_services

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from runnerlib.cli._session import Session

_EPILOG = """\b
Examples:
  runnerlib config --config ci.yaml --profile nightly
  runnerlib config --changed
  runnerlib config --explain job_timeout
  runnerlib config --json | jq -r .max_parallel.value
"""


@click.command("config", epilog=_EPILOG)
@setting_options()
@click.option("--explain", metavar="KEY", help="Show the value of one setting in each layer, and which layer wins.")
@click.option("--changed", is_flag=True, help="Show only settings that a file, a variable or an option gives.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON: value, layer and spelling of each setting by name.")
@click.pass_obj
def command(
    session: Session, /, config_file: str | None, explain: str | None, changed: bool, as_json: bool, **options: str
) -> None:
    """Show every setting, its value (secrets masked), and the layer that the value comes from.

    A setting that no layer gives has its default, or what holds without one. Sizes and times are in words; JSON has
    them in bytes and seconds.
    """
    if explain is not None and (changed or as_json):
        raise click.UsageError("--explain shows one setting in all layers; give it without --changed and --json")
    key = explain if explain is None else explain.replace("-", "_").removeprefix("__")
    if key is not None and key not in SETTINGS:
        raise ConfigError(unknown("setting", key, SETTINGS))
    resolved = resolve_options(config_file, options)
    request = RunRequest(resolved, (), os.environ, current_directory())
    session.services = early_services(request)
    warn_of_misspelt(session)
    if key is not None:
        session.suspect(session.services.masker)
    mask = session.masker().mask_string
    if key is not None:
        _echo(mask, "", list(_explained(resolved, SETTINGS[key].target)))
        return
    names = [
        one.name
        for one in fields(resolved.config)
        if not changed or resolved.origin(one.name).layer is not Layer.DEFAULT
    ]
    if as_json:
        click.echo(_document(request, names, mask))
        return
    if not names:
        click.echo("every setting has its default")
    heads = [(heading, [name for name in group if name in names]) for heading, group in values.grouped()]
    for number, (heading, group) in enumerate((heading, group) for heading, group in heads if group):
        click.echo("\n" * (number > 0) + f"{heading}:")
        _echo(mask, "  ", [_row(request, name) for name in group])


def _echo(mask: Callable[[str], str], indent: str, rows: list[tuple[str, ...]]) -> None:
    """Print rows, masked; on a terminal long ones are wrapped."""
    columns = own_terminal_size(1).columns if os.isatty(1) else 0
    width = max(len(row[0]) for row in rows)
    for name, *rest in rows:
        line = printable(mask("  ".join(rest)))
        click.echo("\n".join(hanging(line, columns, f"{indent}{name:{width}}  ")))


def _row(request: RunRequest, name: str) -> tuple[str, ...]:
    resolved = request.resolved
    return name, _shown(resolved, name, values.effective(request, name)), f"({resolved.origin(name)})"


def _document(request: RunRequest, names: list[str], mask: Callable[[str], str]) -> str:
    resolved, found = request.resolved, {}
    for name in names:
        value, origin = values.effective(request, name), resolved.origin(name)
        is_hidden = SETTINGS[name].secret and value
        found[name] = {
            "value": resolved.config.mask_marker if is_hidden else value,
            "layer": origin.layer.value,
            "spelling": origin.spelling,
        }
    return json.dumps(_masked(found, mask), indent=2, ensure_ascii=False, default=str)


def _masked(value: object, mask: Callable[[str], str]) -> object:
    """Return a value with its texts masked one by one, as the escapes of JSON would hide them from the masker."""
    if isinstance(value, Mapping):
        return {mask(str(name)): _masked(one, mask) for name, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [_masked(one, mask) for one in value]
    return value if value is None or isinstance(value, (bool, int, float)) else mask(str(value))


def _explained(resolved: Resolved, name: str) -> Iterator[tuple[str, ...]]:
    """Yield rows about the setting `name`: its meaning, and the value in each layer, with the winner marked."""
    setting = SETTINGS[name]
    yield "setting", name
    yield "meaning", setting.help
    option = f"{setting.option}, " if setting.offered else ""
    yield "spelled", f"{option}{setting.variable}, {name}: in a file"
    given = resolved.given.get(name, ())
    for each in reversed(given):
        value = _shown(resolved, name, setting.parse(each.value))
        yield each.origin.layer.value, value, f"({each.origin.spelling})", *(["<- wins"] if each is given[-1] else [])
    yield Layer.DEFAULT.value, _shown(resolved, name, setting.default), *([] if given else ["<- wins"])
    if resolved.config.ci_source_type not in {None, "", "none"} and not setting.early:
        yield (
            "note",
            f"the {Layer.CI_FILE.value} is read when the source is there; it stands below all but the job file",
        )


def _shown(resolved: Resolved, name: str, value: object) -> str:
    return resolved.config.mask_marker if value and SETTINGS[name].secret else values.text(SETTINGS[name], value)
