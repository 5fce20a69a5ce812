"""`runnerlib run`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from runnerlib.cli._commands import GroupedCommand
from runnerlib.cli._options import complete_entries, setting_options
from runnerlib.cli._request import current_directory, resolve_options
from runnerlib.cli._run import EXIT_CODES, carry_out, running_options
from runnerlib.config import SETTINGS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from runnerlib.cli._session import Session

_EXAMPLES = """\b
Examples:
  runnerlib run
  runnerlib run test
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


@click.command("run", cls=GroupedCommand, epilog=_EXAMPLES + EXIT_CODES)
@setting_options()
@running_options
@click.option(
    "--job",
    "alone",
    metavar="NAME",
    shell_complete=complete_entries,
    help="Run only this job of the workflow, then print the jobs that come next.",
)
@click.option("--here", is_flag=True, help="Run on the files of the current directory, with logs in ./.runnerlib.")
@click.option("--watch", "watching", is_flag=True, help="Run again whenever a file of the project changes.")
@click.option("--list", "listing", is_flag=True, help="List the jobs and steps, as `runnerlib list` does.")
@click.argument("names", nargs=-1, type=click.UNPROCESSED, metavar="[NAME]...", shell_complete=complete_entries)
@click.pass_context
def command(
    ctx: click.Context,
    /,
    config_file: str | None,
    names: tuple[str, ...],
    words: tuple[str, ...],
    listing: bool,
    watching: bool,
    **options: Any,
) -> int:
    """Run a job, a workflow or a command, and show its output with every secret masked.

    In a project with a file runnerlib.yaml, .runnerlib.yaml, .runnerlib/*.yaml or .reactorcide/*/*.yaml, here or in
    a directory above, `runnerlib run` runs that file on the files that are there; NAME runs only that step or job
    (or that file, where there are several). Logs and state are in .runnerlib beside it.

    Otherwise --job-file names a job with steps, --workflow-file several jobs, each in a workspace of its own,
    --job-command a command for `sh -c`, and WORDS after `--` are a command without a shell. The source, if one is
    named, is prepared first. The exit code says how the run ended.
    """
    session: Session = ctx.obj
    if watching:
        from runnerlib.cli._watch import watch

        return watch(session.args, current_directory())
    if listing:
        return _list(session, config_file, options)
    return carry_out(session, config_file, words, names=names, **options)


def _list(session: Session, config_file: str | None, options: Mapping[str, Any]) -> int:
    from runnerlib.cli._listing import files_of, show

    settings = {name: options[name] for name in SETTINGS if name in options}
    show(session, files_of(resolve_options(config_file, settings).config))
    return 0
