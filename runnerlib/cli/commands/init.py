"""`runnerlib init`."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import click

from runnerlib.cli import _starter
from runnerlib.cli._project import find
from runnerlib.cli._request import current_directory
from runnerlib.errors import ConfigError, RunnerError, printable

if TYPE_CHECKING:
    from runnerlib.cli._session import Session

_FILE = "runnerlib.yaml"
_EXAMPLES = """\b
Examples:
  runnerlib init
  runnerlib init --print
"""


@click.command("init", epilog=_EXAMPLES)
@click.option("--print", "printing", is_flag=True, help="Print the file instead of writing it.")
@click.pass_obj
def command(session: Session, /, printing: bool) -> None:
    """Write a first runnerlib.yaml for the project in this directory.

    Its steps are those that the files of the project call for: Python, Node, Go, Rust, C. Read it and change what
    does not fit. A file that is there is never replaced.
    """
    here = current_directory()
    found = _starter.languages(here)
    text = _starter.text(here, found)
    if printing:
        click.echo(text, nl=False)
        return
    project = find(here)
    if project is not None and project.root == here and not project.files[0].startswith(".reactorcide/"):
        raise ConfigError(f"this project has '{project.files[0]}' already; --print shows what init would write")
    _write(text)
    seen = ", ".join(f"{language.name} ({language.seen})" for language in found) or "no language that init knows"
    said = f"wrote {_FILE}; found {seen}\nsee the steps with `runnerlib list`, run them with `runnerlib run`"
    click.echo(printable(session.masker().mask_string(said)))


def _write(text: str) -> None:
    """Create the file. Raises RunnerError when it cannot be written, or is there."""
    try:
        file = os.open(_FILE, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
        with os.fdopen(file, "w", encoding="utf-8") as out:
            out.write(text)
    except OSError as error:
        raise RunnerError(f"cannot write '{_FILE}': {(error.strerror or str(error)).lower()}") from None
