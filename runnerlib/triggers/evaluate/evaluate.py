"""Evaluation of an event with the trusted source: the message with the jobs, and notes for the user."""

from __future__ import annotations

import json
import os
import re
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any, NamedTuple

from runnerlib.errors import ConfigError, RunnerError, one_line
from runnerlib.pipeline.workflow import Layout, load, load_layout
from runnerlib.pipeline.workflow.file import LAYOUT
from runnerlib.source.git_query import changed_files, diff_base
from runnerlib.triggers.evaluate.filters import mismatch
from runnerlib.triggers.evaluate.to_triggers import triggers
from runnerlib.triggers.message import EVALUATED, message

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence
    from pathlib import Path

    from runnerlib.pipeline.workflow import Workflow
    from runnerlib.triggers.evaluate.event import Event
    from runnerlib.triggers.evaluate.filters import Changes
    from runnerlib.triggers.message import Message


class Evaluation(NamedTuple):
    """Result of an evaluation; `message` is None when no job follows.

    `notes` say what was left out and why, `errors` which files have errors.
    """

    message: Message | None
    notes: tuple[str, ...]
    errors: tuple[str, ...]


def evaluate(
    event: Event, root: Path, changes: Changes, environ: Mapping[str, str], workflow_file: Path | None = None
) -> Evaluation:
    """Return the jobs that follow from `event`, by the workflows of the trusted source at `root`, or by one file.

    A file with errors is left out and reported. Where there is no valid workflow file, each of the jobs of
    `.reactorcide/jobs` stands alone. Raises ConfigError when `workflow_file` has errors.
    """
    layout = _layout(root, workflow_file)
    notes: list[str] = []
    errors = list(layout.errors)
    if layout.workflows:
        named = _named(layout.workflows, root, errors)
        found = [_workflow(one, name, event, root, changes, environ, notes, errors) for name, one in named.items()]
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
    """Return a function for the changed files: those `given`, else those that git finds, looked up once.

    `source` is the checkout that git looks at.
    """
    known: list[Collection[str] | None] = [given] if given else []

    def changes() -> Collection[str] | None:
        if not known:
            known.append(_changed(event, source, note))
        return known[0]

    return changes


def _changed(event: Event, source: Path, note: Callable[[str], object]) -> Collection[str] | None:
    base = diff_base(event.variables)
    if base is None:
        note("what changed is not known: --diff-base does not say what to compare with; filters of paths do not count")
        return None
    try:
        found = changed_files(source, base, deepen=True)
    except RunnerError as error:
        note(f"what changed is not known: {error}; filters of paths do not count")
        return None
    if base == "HEAD^":
        note("what changed is what the last commit did: --diff-base does not say what to compare this push with")
    return found


def _layout(root: Path, workflow_file: Path | None) -> Layout:
    if workflow_file is None:
        return load_layout(root)
    return Layout((load(workflow_file),), (), ())


def _named(workflows: Sequence[Workflow], root: Path, errors: list[str]) -> dict[str, Workflow]:
    """Return the workflows by id, which policies use; of two with the same id the second is left out."""
    named: dict[str, Workflow] = {}
    for one in workflows:
        file = one_line(os.path.relpath(one.file, root))
        try:
            name = id_of(one, os.path.relpath(one.file, root))
        except ConfigError as error:
            errors.append(f"{file}: {error}")
            continue
        if name in named:
            other = one_line(os.path.relpath(named[name].file, root))
            errors.append(f"{file}: the id '{name}' is that of '{other}' already; give one of them an 'id' of its own")
            continue
        named[name] = one
    return named


def _workflow(
    workflow: Workflow,
    name: str,
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
        known = workflow.with_inputs((), "")  # an event sets none
        jobs = [one.to_dict() for one in triggers(known.jobs, event, changes, file, note=notes.append)]
        message(jobs)
    except ConfigError as error:
        errors.append(f"{one_line(file)}: {error}")
        return None
    if not jobs:
        notes.append(f"workflow '{one_line(workflow.name)}': none of its conditions holds")
        return None
    return {
        "id": name,
        "name": workflow.name,
        "source_file": file,
        "ci_origin": "base",
        "ci_repository": event.variables.get("REACTORCIDE_CI_SOURCE_URL", ""),
        "ci_sha": event.variables.get("REACTORCIDE_CI_SOURCE_REF", ""),
        "execution_profile": "standard",
        "worker_class": "default",
        "policy_revision": environ.get("REACTORCIDE_CI_POLICY_REVISION", ""),
        "policy_rule_id": "",
        "approval_id": None,
        "dependency_paths": [file, *(os.path.relpath(one, os.path.realpath(root)) for one in workflow.job_files)],
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
        unwanted = {job.name for job in layout.jobs} - {job.name for job in meant}
        found = triggers(meant, event, changes, unwanted=unwanted, note=notes.append)
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


def id_of(workflow: Workflow, file: str) -> str:
    """Return the id of a workflow for a coordinator: its own, or one made from the path of its file.

    That is the path below `.reactorcide/workflows`, without suffix, in lower case, other characters as `-`. Raises
    ConfigError when nothing is left of it.
    """
    if workflow.id:
        return workflow.id
    path = PurePosixPath(file.rpartition(f"{LAYOUT}/workflows/")[2])
    made = re.sub("[^a-z0-9]+", "-", str(path.with_suffix("")).lower()).strip("-")[:63].rstrip("-")
    if not made:
        raise ConfigError("no id can be made from the name of the file; give the workflow an 'id'")
    return made
