"""`runnerlib schema`."""

from __future__ import annotations

import json

import click

from runnerlib.pipeline.schema import SCHEMAS, schema

_EPILOG = """\b
Examples:
  runnerlib schema job > job.schema.json
  runnerlib schema project > .vscode/runnerlib.schema.json

\b
An editor that knows YAML (VS Code, Neovim, JetBrains, …) then checks and completes a file that begins with
  # yaml-language-server: $schema=job.schema.json
"""


@click.command("schema", epilog=_EPILOG)
@click.argument("name", type=click.Choice(list(SCHEMAS)), metavar="[job|workflow|config|project]")
def command(name: str) -> None:
    """Print the JSON Schema of job, workflow or configuration files, for editors and checkers.

    `project` is that of runnerlib.yaml, which is one of the three, as its keys say.
    """
    click.echo(json.dumps(schema(name), indent=2, ensure_ascii=False))
