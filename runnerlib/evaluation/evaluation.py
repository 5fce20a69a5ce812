"""An event and the trusted source, evaluated: the message that asks for the jobs, and what is to be said of it."""

from __future__ import annotations

import json
import os
import re
from typing import TYPE_CHECKING, Any, NamedTuple

from runnerlib.errors import ConfigError, RunnerError, one_line
from runnerlib.evaluation.conversion import triggers
from runnerlib.evaluation.selection import mismatch
from runnerlib.repository import changed_files, diff_base
from runnerlib.trigger.message import EVALUATED, message
from runnerlib.workflow import Layout, load, load_layout

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence
    from pathlib import Path

    from runnerlib.evaluation.event import Event
    from runnerlib.evaluation.selection import Changes
    from runnerlib.trigger.message import Message
    from runnerlib.workflow import Workflow


class Evaluation(NamedTuple):
    """`message` is None when nothing follows. `notes` say what was left out and why, `errors` which files are wrong."""

    message: Message | None
    notes: tuple[str, ...]
    errors: tuple[str, ...]


def evaluate(
    event: Event, root: Path, changes: Changes, environ: Mapping[str, str], workflow_file: Path | None = None
) -> Evaluation:
    """The jobs that follow from `event`, by the workflows of the trusted source at `root`, or by one file.

    A file that is wrong is left out and told. Where there is no workflow file that is right, the jobs of
    `.reactorcide/jobs` stand for themselves. Raises ConfigError when `workflow_file` is wrong.
    """
    layout = _layout(root, workflow_file)
    notes: list[str] = []
    errors = list(layout.errors)
    if layout.workflows:
        found = [_workflow(one, event, root, changes, environ, notes, errors) for one in layout.workflows]
        flows = [one for one in found if one is not None]
        made = message(flows, "workflows", EVALUATED, _more(environ)) if flows else None
    else:
        made = _jobs(layout, event, changes, notes, errors)
    if not layout.workflows and not layout.jobs and not errors:
        notes.append(f"there is no workflow and no job in '{root}/.reactorcide'")
    return Evaluation(made, tuple(notes), tuple(errors))


def changes_of(
    event: Event, source: Path, given: Sequence[str], note: Callable[[str], object]
) -> Callable[[], Collection[str] | None]:
    """Tells the changed files: those `given`, else what git says of the checkout at `source`; looked up once."""
    known: list[Collection[str] | None] = [given] if given else []

    def changes() -> Collection[str] | None:
        if not known:
            known.append(_changed(event, source, note))
        return known[0]

    return changes


def _changed(event: Event, source: Path, note: Callable[[str], object]) -> Collection[str] | None:
    base = diff_base(event.told)
    if base is None:
        note("what changed is not known: --diff-base does not say what to compare with; filters of paths do not count")
        return None
    try:
        return changed_files(source, base, deepen=True)
    except RunnerError as error:
        note(f"what changed is not known: {error}; filters of paths do not count")
        return None


def _layout(root: Path, workflow_file: Path | None) -> Layout:
    if workflow_file is None:
        return load_layout(root)
    return Layout((load(workflow_file),), (), ())


def _workflow(
    workflow: Workflow,
    event: Event,
    root: Path,
    changes: Changes,
    environ: Mapping[str, str],
    notes: list[str],
    errors: list[str],
) -> dict[str, Any] | None:
    file = os.path.relpath(workflow.file, root)
    why = mismatch(workflow.on, event, changes)
    if why:
        notes.append(f"workflow '{one_line(workflow.name)}': {why}")
        return None
    try:
        jobs = [one.to_dict() for one in triggers(workflow.jobs, event, changes, file)]
        message(jobs)
    except ConfigError as error:
        errors.append(f"{one_line(file)}: {error}")
        return None
    if not jobs:
        notes.append(f"workflow '{one_line(workflow.name)}': none of its conditions holds")
        return None
    return {
        "id": workflow.id or derived_id(file),
        "name": workflow.name,
        "source_file": file,
        "ci_origin": "base",
        "ci_repository": event.told.get("REACTORCIDE_CI_SOURCE_URL", ""),
        "ci_sha": event.told.get("REACTORCIDE_CI_SOURCE_REF", ""),
        "execution_profile": "standard",
        "worker_class": "default",
        "policy_revision": environ.get("REACTORCIDE_CI_POLICY_REVISION", ""),
        "policy_rule_id": "",
        "approval_id": None,
        "dependency_paths": [file],
        "vars": workflow.vars,
        "jobs": jobs,
    }


def _jobs(layout: Layout, event: Event, changes: Changes, notes: list[str], errors: list[str]) -> Message | None:
    """The bare jobs that are meant for the event, as one workflow without a name."""
    meant = []
    for job in layout.jobs:
        why = mismatch(job.on, event, changes)
        if why:
            notes.append(f"job '{one_line(job.name)}': {why}")
        else:
            meant.append(job)
    try:
        found = triggers(meant, event, changes)
        return message([one.to_dict() for one in found]) if found else None
    except ConfigError as error:
        errors.append(str(error))
        return None


def _more(environ: Mapping[str, str]) -> dict[str, Any]:
    return {
        "policy_violations": [],
        "changed_ci_paths": [],
        "actor_subjects": _subjects(environ.get("REACTORCIDE_ACTOR_SUBJECTS", "")),
    }


def _subjects(text: str) -> list[str]:
    try:
        given = json.loads(text)
    except ValueError:
        return []
    return [one for one in given if isinstance(one, str)] if isinstance(given, list) else []


def derived_id(file: str) -> str:
    """The id of a workflow that has none: the path of its file in lower case, what is no letter or digit as `-`."""
    return re.sub("[^a-z0-9]+", "-", file.lower()).strip("-")[:63].rstrip("-")
