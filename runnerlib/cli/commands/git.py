"""`runnerlib git`: queries of the repository that a job works on."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

import click

from runnerlib._util.paths import CONTAINER_BASE, locate
from runnerlib.cli._commands import Group
from runnerlib.cli._options import setting_options
from runnerlib.cli._request import current_directory, resolve_options
from runnerlib.config import Layer
from runnerlib.errors import one_line, printable
from runnerlib.source.git_query import changed_files, git_info, is_dirty, is_repository, repository_about

if TYPE_CHECKING:
    from pathlib import Path

    from runnerlib.cli._session import Session

_PLACES = ("code_dir", "job_dir", "work_dir")
_GROUP = """\b
Examples:
  runnerlib git files-changed origin/main
  runnerlib git files-changed HEAD~1 -z | xargs -0 ruff check
  runnerlib git info --json | jq -r .commit

\b
The repository is the one at --code-dir (in a container: at /job/src), else the one that contains the current
directory, else the one in ./job/src from an earlier run.
"""


@click.group(cls=Group, name="git", epilog=_GROUP)
def command() -> None:
    """Query the repository of a job. Commands in its configuration are not executed."""


@command.command("files-changed", short_help="Print the changed files.")
@setting_options(_PLACES)
@click.option("-z", "zero", is_flag=True, help="End each path with a NUL byte instead of a line break.")
@click.argument("gitref")
@click.pass_obj
def _files_changed(
    session: Session, /, config_file: str | None, gitref: str, zero: bool, **options: str | None
) -> None:
    """Print the files that changed between GITREF and HEAD, one path per line.

    GITREF is a branch, tag or commit; ~ and ^ are allowed. The files are those of `git diff GITREF...HEAD`: later
    changes of GITREF itself do not count. The number of files is printed to stderr. History that a shallow clone
    lacks is fetched from origin first; if the changes still cannot be found out, the exit code is 125.
    """
    files = sorted(changed_files(_directory(config_file, options), gitref, deepen=True))
    end = b"\0" if zero else b"\n"
    listed = b"".join(os.fsencode(name) + end for name in files)
    click.echo(session.masker().mask(listed), nl=False)
    click.echo(f"{len(files)} file{'s' * (len(files) != 1)} changed since {one_line(gitref)}", err=True)


@command.command("info", short_help="Print branch, commit, tag and remote.")
@setting_options(_PLACES)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_obj
def _info(session: Session, /, config_file: str | None, as_json: bool, **options: str | None) -> None:
    """Print branch, commit, tag and remote of the checkout, and whether it has uncommitted changes."""
    directory = _directory(config_file, options)
    facts = {**git_info(directory), "dirty": is_dirty(directory)}
    if as_json:
        text = json.dumps(facts)
    else:
        shown = {key: "-" if value is None else value for key, value in facts.items()}
        shown.update((key, "yes" if value else "no") for key, value in facts.items() if isinstance(value, bool))
        text = "\n".join(f"{key.replace('_', ' '):12}  {one_line(str(value))}" for key, value in shown.items())
    click.echo(printable(session.masker().mask_string(text)))


def _directory(config_file: str | None, options: dict[str, str | None]) -> Path:
    """Return the directory of the repository."""
    resolved = resolve_options(config_file, options)
    here = current_directory()
    workspace = locate(os.environ, here)
    place = workspace.resolve(resolved.config.code_dir, "code_dir")
    named = resolved.origin("code_dir").layer is not Layer.DEFAULT
    if named and not is_repository(place):
        return place  # the query reports that it is no repository
    found = repository_about(place, here, given=named or workspace.base == CONTAINER_BASE)
    return found if is_repository(found) else here
