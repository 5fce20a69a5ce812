"""`runnerlib run-job`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from runnerlib.cli._options import setting_options
from runnerlib.cli.commands.run import EXIT_CODES, carry_out, running_options
from runnerlib.config import SETTINGS

if TYPE_CHECKING:
    from runnerlib.cli._session import Session


@click.command("run-job", epilog=EXIT_CODES)
@setting_options(name for name in SETTINGS if name not in {"job_file", "job_command"})
@running_options
@click.argument("job_file")
@click.pass_obj
def command(session: Session, /, config_file: str | None, job_file: str, **options: Any) -> int:
    """Run the job that JOB_FILE describes: steps, or one command in the flat form of older job files."""
    return carry_out(session, config_file, (), job_file=job_file, **options)
