"""`runnerlib validate`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from runnerlib.cli._commands import CommandWithWords
from runnerlib.cli._foreign_files import hint
from runnerlib.cli._in_place import is_contained
from runnerlib.cli._listing import NOTHING
from runnerlib.cli._options import setting_options
from runnerlib.cli._project import find
from runnerlib.cli._request import is_unnamed, requested, warn
from runnerlib.errors import ConfigError, printable
from runnerlib.runner.planner import Planner, plan_job
from runnerlib.runner.run import preview

if TYPE_CHECKING:
    from runnerlib.cli._session import Session
    from runnerlib.runner.plan import JobPlan
    from runnerlib.runner.workflow import WorkflowPlan


_EXAMPLES = """\b
Examples:
  runnerlib validate pipeline.yaml .reactorcide/jobs/*.yaml
  runnerlib validate --job-file job.yaml
  runnerlib validate --config ci.yaml -- make test
"""


@click.command("validate", cls=CommandWithWords, epilog=_EXAMPLES)
@setting_options()
@click.argument("files", nargs=-1, metavar="[FILE]...")
@click.pass_obj
def command(
    session: Session, /, config_file: str | None, files: tuple[str, ...], words: tuple[str, ...], **options: str | None
) -> None:
    """Check files, or the configuration of a run, and exit with 0 if all are valid, else with 78. Nothing is changed.

    FILE is a job, a workflow or a configuration, also one of .reactorcide; its kind follows from its keys. Without a
    FILE, and when nothing says what to run, the files of the project are checked.
    """
    if files:
        _check(files)
        if config_file is None and not words and all(value is None for value in options.values()):
            return
    request = requested(session, config_file, options, words)
    if is_unnamed(request) and not is_contained(request.environ, request.cwd):
        project = find(request.cwd)
        if project is not None:
            _check(project.files)
            return
        if foreign := hint(request.cwd):
            raise ConfigError(f"{NOTHING}{foreign}")
    if request.resolved.config.workflow_file is not None:
        from runnerlib.cli import _workflow as workflow

        if workflow.chosen(request, None):
            _tell(session, workflow.planned(session.serve(request), request))
            return
    planner = Planner(request, session.serve(request), plan_job)
    with preview(planner, alone=True):
        _tell(session, planner.plan())


def _check(files: tuple[str, ...]) -> None:
    """Check all files, and say of each that it is valid. Raises ConfigError with what is wrong with the others."""
    from runnerlib.cli._check_files import check_file

    problems: list[str] = []
    texts: dict[str, str] = {}
    for file in files:
        try:
            kind = check_file(file)
        except ConfigError as error:
            problems.append(str(error))
            texts |= error.texts
        else:
            click.echo(printable(f"{file}: a valid {kind}"))
    if problems:
        failure = ConfigError("\n".join(dict.fromkeys(problems)))
        failure.texts = texts
        raise failure


def _tell(session: Session, plan: JobPlan | WorkflowPlan) -> None:
    for warning in plan.warnings:
        warn(session, warning)
    click.echo("the configuration is valid")
