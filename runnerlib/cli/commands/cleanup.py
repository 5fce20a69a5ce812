"""`runnerlib cleanup`."""

from __future__ import annotations

import os
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

import click

from runnerlib._util.paths import CONTAINER_BASE, Workspace, locate
from runnerlib.cli._in_place import is_contained
from runnerlib.cli._options import setting_options
from runnerlib.cli._project import find
from runnerlib.cli._request import current_directory, resolve_options
from runnerlib.errors import one_line
from runnerlib.runner.cleanup import clean

if TYPE_CHECKING:
    from runnerlib.cli._session import Session

_EXAMPLES = """\b
Examples:
  runnerlib cleanup
  runnerlib cleanup --work-dir ~/project --verbose
"""


@click.command("cleanup", epilog=_EXAMPLES)
@setting_options(["code_dir", "job_dir", "work_dir"])
@click.option("--verbose", "-v", is_flag=True, help="Print what was done.")
@click.option("--force", is_flag=True, help="Also remove files that no run has made.")
@click.pass_obj
def command(session: Session, /, config_file: str | None, verbose: bool, force: bool, **options: str | None) -> None:  # noqa: ARG001
    """Remove the workspace ./job, or .runnerlib of a project, with the sources, logs and artifacts in it.

    Nothing is removed while a run uses the workspace. Files that no run has made are kept, unless --force is
    given. In a container, where the workspace is /job, nothing is removed.
    """
    config = resolve_options(config_file, options).config
    here = current_directory()
    workspace = locate(os.environ, here)
    if not is_contained(os.environ, here) and not os.path.lexists(workspace.base) and (project := find(here)):
        workspace = Workspace.in_place(project.root)
    own = [PurePosixPath(place).parts for place in (config.code_dir, config.job_dir) if place]
    done = clean(workspace, [parts[2] for parts in own if parts[:2] == ("/", "job") and len(parts) > 2], force=force)
    if verbose:
        if workspace.base == CONTAINER_BASE:
            said = "nothing to do: the workspace of a container goes with it"
        else:
            said = f"removed '{workspace.base}'" if done else f"nothing to do: there is no '{workspace.base}'"
        click.echo(one_line(said))
