"""`runnerlib config`."""

from __future__ import annotations

import os
from dataclasses import fields
from typing import TYPE_CHECKING

import click

from runnerlib.cli.options import setting_options
from runnerlib.cli.planning import current_directory, resolve_options
from runnerlib.config import SETTINGS, Resolved
from runnerlib.plan import masker_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from runnerlib.cli.session import Session


@click.command("config")
@setting_options()
@click.pass_obj
def command(session: Session, /, config_file: str | None, **options: str) -> None:
    """Show every setting, its value with secrets masked, and the layer that gave it."""
    resolved = resolve_options(config_file, options)
    session.planned = masker_of(resolved, os.environ, current_directory())
    rows = list(_rows(resolved))
    for name, value, origin in rows:
        click.echo(session.masker().mask_string(f"{name:{_width(rows)}}  {value}  ({origin})"))


def _rows(resolved: Resolved) -> Iterator[tuple[str, str, str]]:
    for field in fields(resolved.config):
        value = getattr(resolved.config, field.name)
        hidden = value and SETTINGS[field.name].secret
        yield field.name, resolved.config.mask_marker if hidden else _text(value), str(resolved.origin(field.name))


def _text(value: object) -> str:
    if value is None:
        return "-"
    if isinstance(value, tuple):
        return ",".join(map(str, value)) or "-"
    if isinstance(value, dict):
        return " ".join(f"{name}={text}" for name, text in value.items())
    return repr(value) if isinstance(value, str) and "\n" in value else str(value)


def _width(rows: list[tuple[str, str, str]]) -> int:
    return max(len(name) for name, _, _ in rows)
