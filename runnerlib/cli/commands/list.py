"""`runnerlib list`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from runnerlib.cli._listing import files_of, show
from runnerlib.cli._options import setting_options
from runnerlib.cli._request import resolve_options

if TYPE_CHECKING:
    from runnerlib.cli._session import Session

_EXAMPLES = """\b
Examples:
  runnerlib list
  runnerlib list --job-file ci.yaml
  runnerlib list --json
"""


@click.command("list", epilog=_EXAMPLES)
@setting_options(["job_file", "workflow_file", "work_dir", "profile"])
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_obj
def command(session: Session, /, config_file: str | None, as_json: bool, **options: str | None) -> None:
    """List the jobs and steps of this project, what they are for, and what they need.

    The project is the nearest directory, here or above, with a file runnerlib.yaml, .runnerlib.yaml,
    .runnerlib/*.yaml or .reactorcide/{workflows,jobs}/*.yaml.
    """
    show(session, files_of(resolve_options(config_file, options).config), as_json=as_json)
