"""`runnerlib validate`."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

import click

from runnerlib.cli.options import setting_options
from runnerlib.cli.planning import requested
from runnerlib.errors import printable
from runnerlib.lifecycle import foreseen

if TYPE_CHECKING:
    from runnerlib.cli.session import Session
    from runnerlib.dispatch import WorkflowPlan
    from runnerlib.plan import RunPlan


@click.command("validate")
@setting_options()
@click.argument("words", nargs=-1, type=click.UNPROCESSED)
@click.pass_obj
def command(session: Session, /, config_file: str | None, words: tuple[str, ...], **options: str) -> None:
    """Check the configuration of a run and exit: 0 when it is valid, 2 when it is not. Nothing is touched."""
    request = requested(session, config_file, options, words)
    if request.resolved.config.workflow_file is not None:
        workflow = importlib.import_module("runnerlib.cli.workflow")
        if workflow.chosen(request, None):
            _tell(session, workflow.planned(session, request))
            return
    with foreseen(request, session.mask_with, alone=True) as plan:
        _tell(session, plan)


def _tell(session: Session, plan: RunPlan | WorkflowPlan) -> None:
    for warning in map(plan.masker.mask_string, plan.warnings):
        if session.structured:
            line = importlib.import_module("runnerlib.cli.log_line").warning(warning)
        else:
            line = printable(f"warning: {warning}\n")
        click.echo(line, err=True, nl=False)
    click.echo("the configuration is valid")
