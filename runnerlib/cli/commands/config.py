"""`runnerlib config`."""

from __future__ import annotations

import os
from dataclasses import fields
from typing import TYPE_CHECKING

import click

from runnerlib.cli._options import setting_options
from runnerlib.cli._request import current_directory, resolve_options, warn_of_misspelt
from runnerlib.config import SETTINGS, Layer, Resolved
from runnerlib.errors import ConfigError, printable, unknown
from runnerlib.runner.plan import early_services
from runnerlib.runner.request import RunRequest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from runnerlib.cli._session import Session

_EPILOG = """\b
Examples:
  runnerlib config --config ci.yaml --profile nightly
  runnerlib config --explain job_timeout
"""


@click.command("config", epilog=_EPILOG)
@setting_options()
@click.option("--explain", metavar="KEY", help="Show the value of one setting in each layer, and which layer wins.")
@click.pass_obj
def command(session: Session, /, config_file: str | None, explain: str | None, **options: str) -> None:
    """Show every setting, its value (secrets masked), and the layer that the value comes from."""
    key = explain if explain is None else explain.replace("-", "_").removeprefix("__")
    if key is not None and key not in SETTINGS:
        raise ConfigError(unknown("setting", key, SETTINGS))
    resolved = resolve_options(config_file, options)
    session.services = early_services(RunRequest(resolved, (), os.environ, current_directory()))
    warn_of_misspelt(session)
    if key is not None:
        session.suspect(session.services.masker)
    rows = list(_rows(resolved) if key is None else _explained(resolved, SETTINGS[key].target))
    width = max(len(row[0]) for row in rows)
    for name, *rest in rows:
        click.echo(printable(session.masker().mask_string(f"{name:{width}}  {'  '.join(rest)}")))


def _rows(resolved: Resolved) -> Iterator[tuple[str, ...]]:
    for field in fields(resolved.config):
        value = getattr(resolved.config, field.name)
        yield field.name, _shown(resolved, field.name, value), f"({resolved.origin(field.name)})"


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
    return resolved.config.mask_marker if value and SETTINGS[name].secret else _text(value)


def _text(value: object) -> str:
    if value is None:
        return "-"
    if isinstance(value, tuple):
        return ",".join(map(str, value)) or "-"
    if isinstance(value, dict):
        return " ".join(f"{name}={text}" for name, text in value.items())
    return repr(value) if isinstance(value, str) and "\n" in value else str(value)
