"""`runnerlib run`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from runnerlib.cli.options import setting_options
from runnerlib.cli.planning import planned
from runnerlib.console import Console
from runnerlib.runner import run

if TYPE_CHECKING:
    from runnerlib.cli.session import Session
    from runnerlib.plan import RunPlan

_EPILOG = """\b
Examples:
  runnerlib run --job-command 'make test'
  runnerlib run --git-url https://github.com/user/repo.git --git-ref v1.2 --job-command 'make test'
  runnerlib run --secret-env-names DEPLOY_TOKEN -- ./deploy.sh staging

\b
Exit codes:
  0        the job succeeded
  n        the job's own exit code; 128+N when signal N killed it
  2        a usage or configuration error: nothing was started
  125      the runner failed: source, output, internal error
  126/127  the command is not executable / not found
  130/143  interrupted / terminated: the job was stopped
"""


@click.command("run", epilog=_EPILOG)
@setting_options()
@click.option("--dry-run", is_flag=True, help="Check everything, show what would be done, and do nothing.")
@click.argument("words", nargs=-1, type=click.UNPROCESSED)
@click.pass_obj
def command(session: Session, /, config_file: str | None, dry_run: bool, words: tuple[str, ...], **options: str) -> int:
    """Prepare the source, run a job's command, show its output with every secret masked.

    The command is --job-command, run by `sh -c`, or WORDS after `--`, run as they are. Its exit
    code becomes that of runnerlib.
    """
    plan = planned(session, config_file, options, words)
    if dry_run:
        _show(plan)
        return 0
    console = Console()
    try:
        return run(plan, console).exit_code
    finally:
        console.give_up()


def _show(plan: RunPlan) -> None:
    rows = [*plan.describe(), ("nothing", "was done: this was a dry run")]
    width = max(len(label) for label, _ in rows)
    for label, text in rows:
        click.echo(plan.masker.mask_string(f"{label:{width}}  {text}"))
