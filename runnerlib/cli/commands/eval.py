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
  0    the jobs were told of, or none follows
  2    a usage or configuration error, a wrong --workflow-file among them
  125  a source could not be fetched, or the jobs could not be told of; those are kept in the triggers file
"""


# Facts about the event, given by options or variables: name of the option, of the variable, and the meaning.
_TOLD = (
    ("branch", "BRANCH", "The branch, or the tag"),
    ("pr-base-ref", "PR_BASE_REF", "The branch that a pull request goes to"),
    ("diff-base", "DIFF_BASE", "The commit to compare with for what changed"),
    ("pr-number", "PR_NUMBER", "The number of the pull request"),
    ("source-url", "SOURCE_URL", "Where the source is"),
    ("source-ref", "SHA", "Its commit"),
    ("ci-source-url", "CI_SOURCE_URL", "Where the trusted source is"),
    ("ci-source-ref", "CI_SOURCE_REF", "Its commit"),
    ("head-url", "HEAD_URL", "Where a pull request comes from"),
    ("head-ref", "HEAD_REF", "Its branch there"),
    ("base-url", "BASE_URL", "Where a pull request goes"),
    ("base-ref", "BASE_REF", "The branch there"),
    ("is-fork-pr", "IS_FORK_PR", "`true` for a pull request of a fork"),
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
    help=f"{', '.join(EVENTS)}. [REACTORCIDE_EVENT_TYPE]",
)
@_telling
@_directory("--ci-source-dir", "REACTORCIDE_CI_SOURCE_DIR", "/job/ci", "The trusted source, with .reactorcide")
@_directory("--source-dir", "REACTORCIDE_SOURCE_DIR", "/job/src", "The source whose changes count")
@click.option(
    "--triggers-file", metavar="FILE", help=f"The file that keeps the jobs. [default: {RunnerConfig.triggers_file}]"
)
@click.option("--workflow-file", metavar="FILE", help="Look at this workflow only.")
@click.option(
    "--changed-file",
    "changed",
    multiple=True,
    metavar="PATH",
    help="A file that changed, instead of what git says; may be repeated.",
)
@click.option("--allow-insecure-transport", is_flag=True, help="Let the token go to a coordinator over plain http.")
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
    """Tell which jobs follow from an event, by the workflows of the trusted source.

    Sources that are known and not there are fetched: the trusted one, that of a pull request beside it, and the
    one whose changes count. A workflow is meant for an event by its type, by its branch and by the files that
    changed. What is not known leaves nothing out: if it cannot be said what changed, filters of paths do not count.
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
        os.environ.update(happened.told)  # the preparation of a source reads its change from there
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
