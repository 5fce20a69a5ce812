"""`runnerlib eval`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from runnerlib._util.paths import locate
from runnerlib.cli._request import current_directory
from runnerlib.cli._triggers import own_masker, say, tell
from runnerlib.config import RunnerConfig
from runnerlib.pipeline.workflow.job import EVENTS
from runnerlib.runner.evaluation_sources import find_trees, source_settings
from runnerlib.source import Sources
from runnerlib.triggers.evaluate.evaluate import changes_of, evaluate
from runnerlib.triggers.evaluate.event import event

if TYPE_CHECKING:
    from collections.abc import Callable

    from runnerlib.cli._session import Session

F = TypeVar("F", bound="Callable[..., Any]")

_EXAMPLES = """\b
Examples:
  runnerlib eval --event-type push --branch main
  runnerlib eval --event-type pull_request_opened --branch fix --pr-base-ref main --changed-file src/a.py
  runnerlib eval --event-type push --branch main --workflow-file .reactorcide/workflows/ci.yaml \\
    --ci-source-dir . --source-dir . --triggers-file triggers.json

\b
Exit codes:
  0    the jobs were submitted, or there are none
  2    a usage or configuration error, such as a wrong --workflow-file
  125  a source could not be fetched, or the jobs could not be submitted; these are kept in the triggers file
"""


# Facts about the event, given by options or variables: name of the option, of the variable, and the meaning.
_TOLD = (
    ("branch", "BRANCH", "Branch or tag of the event"),
    ("pr-base-ref", "PR_BASE_REF", "Target branch of the pull request"),
    ("diff-base", "DIFF_BASE", "Commit to compare with, to find the changed files"),
    ("pr-number", "PR_NUMBER", "Number of the pull request"),
    ("source-url", "SOURCE_URL", "URL of the source"),
    ("source-ref", "SHA", "Commit of the source"),
    ("ci-source-url", "CI_SOURCE_URL", "URL of the trusted CI source"),
    ("ci-source-ref", "CI_SOURCE_REF", "Commit of the trusted CI source"),
    ("head-url", "HEAD_URL", "URL of the repository that a pull request comes from"),
    ("head-ref", "HEAD_REF", "Branch that a pull request comes from"),
    ("base-url", "BASE_URL", "URL of the repository that a pull request goes to"),
    ("base-ref", "BASE_REF", "Branch that a pull request goes to"),
    ("is-fork-pr", "IS_FORK_PR", "`true` for a pull request from a fork"),
)


def _telling(command: F) -> F:
    for name, variable, text in reversed(_TOLD):
        shown = f"{text}. [REACTORCIDE_{variable}]"
        command = click.option(f"--{name}", variable.lower(), envvar=f"REACTORCIDE_{variable}", help=shown)(command)
    return command


def _directory(name: str, variable: str, usual: str, text: str) -> Callable[[F], F]:
    return click.option(
        name, envvar=variable, default=usual, metavar="DIR", help=f"{text} (default: {usual}). [{variable}]"
    )


@click.command("eval", epilog=_EXAMPLES)
@click.option(
    "--event-type",
    envvar="REACTORCIDE_EVENT_TYPE",
    required=True,
    help=f"Type of the event: {', '.join(EVENTS)}. [REACTORCIDE_EVENT_TYPE]",
)
@_telling
@_directory(
    "--ci-source-dir",
    "REACTORCIDE_CI_SOURCE_DIR",
    "/job/ci",
    "Directory of the trusted CI source, which holds .reactorcide",
)
@_directory(
    "--source-dir", "REACTORCIDE_SOURCE_DIR", "/job/src", "Directory of the source whose changed files are compared"
)
@click.option(
    "--triggers-file",
    metavar="FILE",
    help=f"File that stores the jobs until they are submitted. [default: {RunnerConfig.triggers_file}]",
)
@click.option("--workflow-file", metavar="FILE", help="Evaluate only this workflow.")
@click.option(
    "--changed-file",
    "changed",
    multiple=True,
    metavar="PATH",
    help="Path of a changed file, instead of asking git; may be repeated.",
)
@click.option(
    "--allow-insecure-transport", is_flag=True, help="Allow sending the token to a coordinator over plain http."
)
@click.pass_obj
def command(
    session: Session,
    /,
    *,
    ci_source_dir: str,
    source_dir: str,
    event_type: str,
    triggers_file: str | None,
    workflow_file: str | None,
    changed: tuple[str, ...],
    allow_insecure_transport: bool,
    **given: str | None,
) -> int:
    """Find the jobs that an event starts, in the workflows of the trusted CI source, and submit them.

    A workflow is chosen by the type of the event, its branch and the changed files. If the changed files cannot be
    found out, filters of paths are ignored, so that no job is missed. Sources that are not on disk yet are fetched
    first: the trusted CI source, and the source whose changed files are compared.
    """
    happened = event(event_type, {name.upper(): value for name, value in given.items()}, os.environ)
    resolved = source_settings(happened, os.environ)
    masker = own_masker(session, resolved)
    workspace = locate(os.environ, current_directory())
    source = Path(workspace.meant(source_dir))

    def note(text: str) -> None:
        say(masker.mask_string(f"note: {text}"))

    places = Path(workspace.meant(ci_source_dir)), source
    sources = Sources()
    found = find_trees(happened, resolved, sources, places, note, compared=not changed)
    if found.missing:
        os.environ.update(happened.variables)  # the preparation of a source reads its change from there
        # Loaded only when a source must be fetched.
        from runnerlib.cli._source import bring

        bring(found.missing, sources, workspace.base, masker)
    changes = changes_of(happened, source, changed, note)
    file = None if workflow_file is None else Path(workspace.meant(workflow_file))
    if file is not None and not file.exists() and (found.root / file).exists():
        file = found.root / file
    follows = evaluate(happened, found.root, changes, os.environ, file)
    for text in follows.notes:
        note(text)
    for text in follows.errors:
        say(masker.mask_string("\n".join(f"error: {line}" for line in text.splitlines())))
    return tell(follows.message, triggers_file, masker, insecure=allow_insecure_transport)
