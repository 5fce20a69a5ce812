"""`runnerlib import`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from runnerlib.cli._check_files import read_text
from runnerlib.cli._request import warn
from runnerlib.errors import printable

if TYPE_CHECKING:
    from runnerlib.cli._session import Session

_EXAMPLES = """\b
Examples:
  runnerlib import .github/workflows/test.yml > runnerlib.yaml
  runnerlib import .gitlab-ci.yml | less
"""


@click.command("import", epilog=_EXAMPLES)
@click.argument("file", metavar="FILE")
@click.pass_obj
def command(session: Session, /, file: str) -> None:
    """Print a GitHub workflow, a GitLab CI file or a Woodpecker workflow as a workflow of runnerlib.

    What could not be translated is listed on stderr, with its place, and is missing in what is printed: read both. A
    job whose condition cannot be said never runs until you have written one.
    """
    from runnerlib.pipeline.foreign.translation import translate

    mask = session.masker().mask_string
    found = translate(read_text(file), file)
    click.echo(found.text, nl=False)
    sys.stdout.flush()
    said = [f"{file}:{place.line}:{place.column}: {text}" for place, text in found.left_out]
    if said:
        said.append(f"{len(said)} {'part is' if len(said) == 1 else 'parts are'} left out of this {found.kind}")
    for line in said:
        if session.structured:
            warn(session, line)
        else:
            click.echo(printable(mask(line)), err=True)
