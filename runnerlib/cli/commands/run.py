"""`runnerlib run`, and what it has in common with `run-job`: options, and the run of a job or its preview."""

from __future__ import annotations

import os
from contextlib import suppress
from typing import TYPE_CHECKING, Any, TypeVar

import click

from runnerlib.cli._commands import GroupedCommand
from runnerlib.cli._options import complete_entries, setting_options
from runnerlib.cli._request import current_directory, is_unnamed, requested, resolve_options
from runnerlib.config import SETTINGS
from runnerlib.config.setting import profiled
from runnerlib.errors import ConfigError, one_line, printable
from runnerlib.output.console import is_one_stream
from runnerlib.runner.planner import Planner, plan_job
from runnerlib.runner.run import preview, run_request
from runnerlib.secrets.lookup import UnresolvedLookup

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from runnerlib.cli._session import Session
    from runnerlib.config import RunnerConfig
    from runnerlib.runner.journal import Selection
    from runnerlib.runner.plan import JobPlan
    from runnerlib.runner.request import RunRequest
    from runnerlib.runner.services import RunServices

F = TypeVar("F", bound="Callable[..., Any]")

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
EXIT_CODES = """\b
Exit codes:
  0        every required step succeeded
  n        the exit code of the first required step that failed; 128+N when signal N killed it
  2        a usage error: the command line makes no sense
  78       a configuration error: nothing was started
  124      a step or the job ran out of time
  125      the runner failed: source, plugin, output, internal error
  126/127  the command is not executable / not found
  130/143  interrupted / terminated: the job was stopped
"""

_STEP: Mapping[str, Any] = {"multiple": True, "metavar": "NAME", "shell_complete": complete_entries}
_OPTIONS = (
    click.option("--dry-run", is_flag=True, help="Check everything, show what would be done, and do nothing."),
    click.option(
        "--plan",
        "drawing",
        type=click.Choice(["text", "mermaid"]),
        is_flag=False,
        flag_value="text",
        help="Print the graph of steps or jobs, as text or for Mermaid, and do nothing.",
    ),
    click.option("--resume", is_flag=True, help="Go on where the last run in this workspace failed or was killed."),
    click.option(
        "--from",
        "start",
        **_STEP,
        help="Run only this step (or job of a workflow) and those that wait for it; may be repeated.",
    ),
    click.option("--only", **_STEP, help="Run only this step or job; may be repeated."),
    click.option("--skip", **_STEP, help="Leave this step or job out; may be repeated."),
    click.option("--pick", is_flag=True, help="Choose from a list which steps or jobs run, as --only does."),
    click.option("--shell-on-failure", is_flag=True, help="Open a shell where and as a step has failed."),
    click.option(
        "--exit-code-from",
        metavar="NAME",
        shell_complete=complete_entries,
        help="Exit with the code of this step or job, unless it did not run to its end.",
    ),
)


def running_options(command: F) -> F:
    """Add the options that `carry_out` takes as `flags`."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


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


def carry_out(
    session: Session,
    config_file: str | None,
    words: Sequence[str],
    *,
    dry_run: bool,
    drawing: str | None,
    resume: bool,
    start: Sequence[str],
    only: Sequence[str],
    skip: Sequence[str],
    exit_code_from: str | None,
    pick: bool,
    shell_on_failure: bool,
    alone: str | None = None,
    here: bool = False,
    names: tuple[str, ...] = (),
    **settings: str | None,
) -> int:
    """Run the job or show its plan; return the exit code. Raises RunnerError.

    `alone` names a job of a workflow. Without a job or command, the file of the project around the current directory
    says what to run; `names` are steps or jobs of it. `here` runs on the files that are there. With `pick` and
    `shell_on_failure` the user is asked on the terminal.
    """
    settings = profiled(settings)
    if shell_on_failure:
        settings["output"] = _steady(settings["output"])
    chosen = (tuple(start), tuple(only), tuple(skip), exit_code_from)
    selection = _selection(resume, *chosen) if resume or any(chosen) else None
    request = requested(session, config_file, settings, words, selection)
    if here or names or is_unnamed(request):
        from runnerlib.cli._in_place import in_place

        request, alone = in_place(request, config_file, settings, names, here=here, alone=alone)
    services = session.serve(request, UnresolvedLookup() if drawing else None)
    if shell_on_failure:
        _open_shells(services)
    if pick:
        request = _picked(request, services, alone)
        if request.selection is None:
            return 0
    return _carried_out(request, services, alone=alone, drawing=drawing, dry_run=dry_run)


def _carried_out(
    request: RunRequest, services: RunServices, *, alone: str | None, drawing: str | None, dry_run: bool
) -> int:
    """Run the job of a request or show its plan; return the exit code. Raises RunnerError."""
    if drawing and request.awaited is not None:
        problem = "is in the source, which is not there yet; `runnerlib checkout` brings it"
        raise ConfigError(f"the job file '{one_line(request.awaited.given)}' {problem}")
    if not (drawing or dry_run):
        _join_streams(request.resolved.config)
        if request.workspace is not None:
            from runnerlib.cli._in_place import make_ignored

            make_ignored(request.workspace)
    if request.resolved.config.workflow_file is not None or alone is not None:
        # Loaded only for workflows: most runs are of one job, and do not need YAML.
        from runnerlib.cli import _workflow as workflow

        if workflow.chosen(request, alone):
            return workflow.carry_out(services, request, alone=alone, drawing=drawing, dry_run=dry_run)
    request = request.as_single_job()
    if not (drawing or dry_run):
        result = run_request(request, services, alone=True)
        taken = request.selection.exit_code_from if request.selection is not None else None
        if taken is None:
            return result.exit_code
        from runnerlib.cli._exit_code_from import code_from

        name = services.masker.mask_string(taken)
        return code_from(result, result.failed_step, [step for step in result.steps if step.name == name])
    planner = Planner(request, services, plan_job)
    with preview(planner, alone=True):
        if drawing:
            _echo(services, _drawn(planner.plan(), drawing))
        else:
            _show(services, planner.plan())
    return 0


def _steady(output: str | None) -> str:
    """Return the output mode that a shell can stand in. Raises ConfigError for another, or without a terminal."""
    if not (os.isatty(0) and os.isatty(1)):
        raise ConfigError("--shell-on-failure opens a shell on a terminal, and stdin or stdout is none")
    if output == "live":
        raise ConfigError("--shell-on-failure contradicts --output live, which redraws the terminal; give one of them")
    return output or "prefixed"


def _open_shells(services: RunServices) -> None:
    from runnerlib.runner.failure_shell import FailureShell

    services.inspect = FailureShell()


def _picked(request: RunRequest, services: RunServices, alone: str | None) -> RunRequest:
    """Return the request of what the user chooses; without a choice it has no selection. Raises ConfigError."""
    from runnerlib.cli._pick import pick

    if alone is not None or (request.selection is not None and (request.selection.only or request.selection.start)):
        raise ConfigError("--pick asks what runs; give it without names, --from, --only and --job")
    return pick(request, services.masker.mask_string)


def _join_streams(config: RunnerConfig) -> None:
    """Redirect stderr to stdout where all output must be in one order, with errors and output of plugins."""
    if is_one_stream(config, os.environ, os.isatty(1)):
        with suppress(OSError):  # stdout is closed or not writable: then errors stay on stderr
            os.write(1, b"")
            os.dup2(1, 2)


def _selection(
    resume: bool, start: tuple[str, ...], only: tuple[str, ...], skip: tuple[str, ...], exit_code_from: str | None
) -> Selection:
    from runnerlib.runner.journal import Selection

    return Selection(resume, start, only, skip, exit_code_from)


def _drawn(plan: JobPlan, drawing: str) -> str:
    from runnerlib.cli._dry_run import width_of_stdout
    from runnerlib.pipeline.graph_text import DRAWINGS
    from runnerlib.runner.resume import foreseen

    kept, left_out = foreseen(plan)
    return DRAWINGS[drawing](plan.job, kept, left_out, width_of_stdout())


def _show(services: RunServices, plan: JobPlan) -> None:
    """Print what a run of `plan` would do."""
    from runnerlib.cli._dry_run import as_dry_run
    from runnerlib.runner.description import described

    steps = "" if plan.is_command or plan.awaited is not None else _drawn(plan, "text")
    _echo(services, as_dry_run(described(plan), steps))


def _echo(services: RunServices, text: str) -> None:
    click.echo(printable(services.masker.mask_string(text)))
