"""`runnerlib approve`."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

import click

from runnerlib.cli._options import setting_options
from runnerlib.cli._request import resolve_options
from runnerlib.errors import one_line
from runnerlib.runner.workflow.approval import answer, place_of, questions

if TYPE_CHECKING:
    from runnerlib.cli._session import Session

_EXAMPLES = """\b
Examples:
  runnerlib approve
  runnerlib approve 1f3a9c04 deploy
  runnerlib approve 1f3a9c04 deploy --reject
"""


@click.command("approve", epilog=_EXAMPLES)
@setting_options(["state_dir"])
@click.option("--reject", is_flag=True, help="Say no: the job does not run, and the workflow fails.")
@click.argument("run", required=False)
@click.argument("job", required=False)
@click.pass_obj
def command(
    session: Session, /, config_file: str | None, reject: bool, run: str | None, job: str | None, **options: str | None
) -> None:
    """Let a job start that waits for approval; without RUN and JOB, list what waits.

    A job with `approve` tells how it is called when it begins to wait. Whoever may write in the state directory of the
    user that runs the workflow may answer.
    """
    directory = place_of(resolve_options(config_file, options).config.state_dir, os.environ)
    if run is None or job is None:
        if run is not None or reject:
            raise click.UsageError("give RUN and JOB, as the job has told them")
        for one in questions(directory):
            minutes = max(0, int(time.time() - one.since)) // 60
            about = f": {one.message}" if one.message else ""
            click.echo(one_line(session.masker().mask_string(f"{one.run} {one.job} ({minutes} min){about}")))
        return
    answer(directory, run, job, yes=not reject)
