"""`runnerlib copy`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from runnerlib.cli._options import setting_options
from runnerlib.cli._source import PREPARING, prepare

if TYPE_CHECKING:
    from runnerlib.cli._session import Session

_EXAMPLES = """\b
Examples:
  runnerlib copy .
  runnerlib copy ../project --exclude node_modules/ --exclude '*.o'
  runnerlib copy . --exclude-from .gitignore
"""


@click.command("copy", epilog=_EXAMPLES)
@setting_options(PREPARING)
@click.option(
    "--exclude", multiple=True, metavar="PATTERN", help="Leave out these files (as in .gitignore); may be repeated."
)
@click.option(
    "--exclude-from",
    multiple=True,
    metavar="FILE",
    help="Leave out the files that patterns in this file of DIRECTORY name.",
)
@click.argument("directory")
@click.pass_obj
def command(
    session: Session,
    /,
    config_file: str | None,
    directory: str,
    exclude: tuple[str, ...],
    exclude_from: tuple[str, ...],
    **options: str | None,
) -> None:
    """Copy DIRECTORY to the code directory of the workspace, and print its path.

    What stood there before is replaced when the copy is complete. Symbolic links are copied as links;
    one that leads out of DIRECTORY is refused.
    """
    named: dict[str, object] = {"source_type": "copy", "source_url": directory, "source_ref": ""}
    named["source_options"] = {"exclude": exclude, "exclude-from": exclude_from}
    prepare(session, config_file, {**options, **named})
