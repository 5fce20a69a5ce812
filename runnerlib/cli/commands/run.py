"""`runnerlib run`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from runnerlib.cli._options import setting_options
from runnerlib.cli._run import EXIT_CODES, carry_out, running_options
from runnerlib.cli._words import CommandWithWords, refuse

if TYPE_CHECKING:
    from runnerlib.cli._session import Session

_EXAMPLES = """\b
Examples:
  runnerlib run --job-command 'make test'
  runnerlib run --git-url https://github.com/user/repo.git --git-ref v1.2 --job-command 'make test'
  runnerlib run --secret-env-names DEPLOY_TOKEN -- ./deploy.sh staging
  runnerlib run --job-file job.yaml --plan
  runnerlib run --job-file job.yaml --resume
  runnerlib run --runner-image alpine:latest --job-command 'make test'
  runnerlib run --workflow-file pipeline.yaml --max-parallel 4
  runnerlib run --workflow-file pipeline.yaml --plan
  runnerlib run --workflow-file pipeline.yaml --job deploy

"""


@click.command("run", cls=CommandWithWords, epilog=_EXAMPLES + EXIT_CODES)
@setting_options()
@running_options
@click.option("--job", "alone", metavar="NAME", help="Run only this job of the workflow, then say what comes next.")
@click.argument("stray", nargs=-1, type=click.UNPROCESSED, metavar="")
@click.pass_context
def command(
    ctx: click.Context, /, config_file: str | None, stray: tuple[str, ...], words: tuple[str, ...], **options: Any
) -> int:
    """Prepare the source, run a job, show its output with every secret masked.

    The job is the steps of --job-file, or one command: --job-command, run by `sh -c`, or WORDS after
    `--`, run as they are. --workflow-file runs several jobs, each in a workspace of its own. The exit code
    says how it ended.
    """
    refuse(stray, ctx)
    session: Session = ctx.obj
    return carry_out(session, config_file, words, **options)
