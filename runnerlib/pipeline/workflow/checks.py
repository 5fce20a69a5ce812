"""Checks of a workflow. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING

from runnerlib._util.graph import cycle, reachable
from runnerlib.errors import unknown
from runnerlib.pipeline.conditions import JOBS, Condition, ConditionError, parse
from runnerlib.pipeline.job import Problem
from runnerlib.pipeline.job.inputs import problems as input_problems
from runnerlib.pipeline.job.model import (
    IMAGE,
    IMAGE_EXPECTED,
    NAME_RULE,
    VARIABLE_NAME,
    variable_part,
    wrong_names,
    wrong_retry,
)
from runnerlib.pipeline.workflow.expansion import MOST_INSTANCES, PLACEHOLDER, instance_count, instance_names
from runnerlib.pipeline.workflow.matrix import combination_count, combinations
from runnerlib.pipeline.workflow.matrix import problems as matrix_problems

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from runnerlib.pipeline.job.model import Place
    from runnerlib.pipeline.workflow.job import JobGraph, WorkflowJob

IF_NO_FILES = ("fail", "warn", "ignore")
"""The reaction to a glob of `upload` without any file."""

PLAIN_CONDITIONS = ("all_success", "any_failed", "always")
"""The conditions that are words; anything else is an expression."""

_NAME = re.compile(r"[^\W_][\w. -]*(?<! )")
_ID = re.compile("[a-z0-9][a-z0-9-]{0,62}")
_LONGEST_NAME = 100
_VARIABLE = re.compile(VARIABLE_NAME)
_OUTPUT = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")
_MOST_OF_ALL = 10_000


def plain_condition(text: str) -> str:
    """`all_success`, `any_failed` or `always` in any of their spellings; empty for an expression."""
    word = text.strip().removesuffix("(needs)").removesuffix("()") or "all_success"
    return word if word in PLAIN_CONDITIONS else ""


def condition_of(job: WorkflowJob) -> Condition | None:
    """The condition of a job, parsed; None for one of PLAIN_CONDITIONS. Raises ConditionError."""
    return None if plain_condition(job.condition) else parse(job.condition, JOBS)


def problems(workflow: JobGraph) -> Iterator[Problem]:
    """Yield all errors, in written order."""
    if not workflow.name.strip() or "\0" in workflow.name:
        yield Problem(("name",), "a workflow needs a name")
    if workflow.id and not _ID.fullmatch(workflow.id):
        yield Problem(("id",), "an id has lower case letters, digits and '-', at most 63, and does not begin with '-'")
    yield from _wrong_groups(workflow)
    if not workflow.jobs:
        yield Problem(("jobs",), "a workflow needs at least one job")
    wrong = [name for name in workflow.vars if not _plain(name)]
    yield from (Problem(("vars",), f"'{name[:100]}' is no name of a variable{NAME_RULE}") for name in wrong)
    yield from (Problem(("inputs",), f"{name}: {text}") for name, text in input_problems(workflow.inputs))
    for number, job in enumerate(workflow.jobs):
        known = job._replace(body=job.body.replaced(inputs={**workflow.inputs, **job.body.inputs}))
        wrong_in_job = (problem for problem in _wrong(known) if not _is_of(workflow, problem))
        yield from (Problem(("jobs", number, *one.place), one.text, one.column) for one in wrong_in_job)
    yield from wrong_names("jobs", [job.name for job in workflow.jobs])
    if sum(map(instance_count, workflow.jobs)) > _MOST_OF_ALL:
        yield Problem(("jobs",), f"for_each and matrix make more than {_MOST_OF_ALL:,} jobs")
    yield from _wrong_graph(workflow)


def _is_of(workflow: JobGraph, problem: Problem) -> bool:
    """Return whether a problem is that of an input of the workflow, which is told once."""
    return problem.place[0] == "inputs" and problem.place[1] in workflow.inputs


def _wrong_groups(workflow: JobGraph) -> Iterator[Problem]:
    """Yield what is wrong with the group of a workflow; a job of it would wait for its own end in the same group."""
    if workflow.concurrency is None:
        return
    from runnerlib.pipeline.job.concurrency import wrong_group  # few workflows are in one

    yield from (Problem(("concurrency",), text) for text in wrong_group(workflow.concurrency))
    for number, job in enumerate(workflow.jobs):
        if job.body.concurrency is not None and job.body.concurrency.group == workflow.concurrency.group:
            text = "the workflow has its turn in this group until its jobs have ended; give one of them another group"
            yield Problem(("jobs", number, "concurrency"), text)


def _plain(name: str) -> bool:
    return bool(name.strip()) and name.isprintable()


def _wrong(job: WorkflowJob) -> Iterator[Problem]:
    if not _NAME.fullmatch(job.name) or len(job.name) > _LONGEST_NAME:
        text = f"a name has 1 to {_LONGEST_NAME} letters, digits, '-', '_', '.' and spaces"
        yield Problem(("name",), f"{text}, and begins with a letter or digit")
    # A command is a step with the name of its job.
    reported = {("name",)} if job.command is None else {("name",), ("steps", 0, "name")}
    yield from (problem for problem in job.body.problems() if problem.place not in reported)
    if job.image is not None:
        yield from (Problem(("image",), text) for text in _wrong_image(job, job.image))
    yield from _wrong_repetition(job)
    yield from _wrong_attempts(job)
    yield from _wrong_files(job)
    steps = {step.name: step for step in job.body.steps}
    for name, origin in job.outputs.items():
        if not _OUTPUT.fullmatch(name):
            yield Problem(("outputs", name), f"'{name[:100]}' is no name of an output (letters, digits, '_' and '-')")
        step, dot, _ = origin.rpartition(".")
        if origin and not dot:
            yield Problem(("outputs", name), "an output comes from STEP.OUTPUT")
        elif origin and step not in steps:
            yield Problem(("outputs", name), unknown("step", step, steps))


def _wrong_image(job: WorkflowJob, image: str) -> Iterator[str]:
    """Yield what is wrong with the name of an image, in which values of a run may stand."""
    if not re.fullmatch(IMAGE, PLACEHOLDER.sub("x", image)):
        yield IMAGE_EXPECTED
    items = [item for item in job.for_each or () if isinstance(item, Mapping)]
    known: dict[str, Collection[str]] = {
        "item": {str(key) for item in items for key in item},
        "matrix": {str(key) for one in combinations(job.matrix) for key in one} if job.matrix else (),
        "inputs": job.body.inputs,
    }
    for kind, name in PLACEHOLDER.findall(image):
        if not known[kind]:
            yield f"'${{{kind}.{name}}}' is nothing here: there is no {kind} with names"
        elif name not in known[kind]:
            yield unknown("name", f"{kind}.{name}", sorted(f"{kind}.{other}" for other in known[kind]))


def _wrong_repetition(job: WorkflowJob) -> Iterator[Problem]:
    if job.for_each is not None and job.matrix:
        yield Problem(("matrix",), "contradicts 'for_each'; give one of them")
        return
    if job.for_each is not None and not job.for_each:
        yield Problem(("for_each",), "at least one item is expected; a job that has none to run for can be left out")
    for number, item in enumerate(job.for_each or ()):
        wrong = [key for key in item if not (isinstance(key, str) and key)] if isinstance(item, Mapping) else []
        if wrong or (isinstance(item, Mapping) and len({variable_part(key) for key in item}) < len(item)):
            yield Problem(
                ("for_each",),
                f"item {number}: two of its fields are the same in names of variables, or one has no name",
            )
    if not _VARIABLE.fullmatch(job.item_var):
        yield Problem(("item_var",), f"'{job.item_var[:100]}' is no name of a variable{NAME_RULE}")
    if job.matrix:
        yield from (Problem(("matrix",), text) for text in matrix_problems(job.matrix))
    count = combination_count(job.matrix) if job.matrix else len(job.for_each or ())
    if count > MOST_INSTANCES:
        yield Problem(
            ("matrix" if job.matrix else "for_each",), f"a job runs at most {MOST_INSTANCES} times, not {count:,}"
        )


def _wrong_attempts(job: WorkflowJob) -> Iterator[Problem]:
    if job.retry.pattern is not None:
        yield Problem(("retry",), "a pattern is searched in the output of a step; give the step the retry")
    else:
        yield from (Problem(("retry",), text) for text in wrong_retry(job.retry))
    if job.max_runs is not None and job.max_runs < 1:
        yield Problem(("max_runs",), f"a whole number, 1 or more, is expected, got {job.max_runs}")
    if job.approve is not None and not job.approve.timeout > 0:
        yield Problem(("approve",), f"timeout: more than 0 seconds are expected, got {job.approve.timeout:g}")
    for key, given in (("fail_fast", job.fail_fast), ("max_runs", job.max_runs is not None)):
        if given and not job.repeats:
            yield Problem((key,), "is for a job with 'for_each' or 'matrix', which has several runs")


def _wrong_files(job: WorkflowJob) -> Iterator[Problem]:
    for glob in job.upload:
        if not _stays_inside(glob):
            yield Problem(("artifacts",), f"upload: '{glob[:100]}' is no glob of files in the directory of the job")
    if job.if_no_files not in IF_NO_FILES:
        yield Problem(("artifacts",), f"if_no_files: {unknown('value', str(job.if_no_files)[:100], IF_NO_FILES)}")
    if job.retention is not None and not job.retention > 0:
        yield Problem(("artifacts",), f"retention: more than 0 seconds are expected, got {job.retention:g}")
    if job.retention is not None and not job.upload:
        yield Problem(("artifacts",), "retention: the job uploads nothing")
    for download in job.download:
        for glob in download.files:
            if not _stays_inside(glob):
                yield Problem(("artifacts",), f"download: '{glob[:100]}' is no glob of files of an artifact")
        if download.to and not _stays_inside(download.to):
            yield Problem(("artifacts",), f"download: '{download.to[:100]}' is no directory in that of the job")


def _stays_inside(path: str) -> bool:
    return bool(path.strip()) and not path.startswith("/") and ".." not in path.split("/") and "\0" not in path


def _wrong_graph(workflow: JobGraph) -> Iterator[Problem]:
    graph = workflow.dependencies()
    whole = len(graph) == len(workflow.jobs)
    for number, job in enumerate(workflow.jobs):
        for name in job.depends_on:
            if name not in graph:
                whole = False
                yield Problem(("jobs", number, "depends_on"), unknown("job", name, graph))
    # Of the valid part, so that all errors are reported at once.
    graph = {name: tuple(filter(graph.__contains__, others)) for name, others in graph.items()}
    found = cycle(graph)
    if found:
        number = [job.name for job in workflow.jobs].index(found[0])
        yield Problem(("jobs", number, "depends_on"), f"the jobs wait for each other: {' -> '.join(found)}")
    whole = whole and not found
    jobs = {job.name: job for job in workflow.jobs}
    for number, job in enumerate(workflow.jobs):
        asks = job.download or job.fan_out or not plain_condition(job.condition)
        known = reachable(graph, job.name) if whole and asks else None
        inputs = {*workflow.inputs, *job.body.inputs}
        for problem in (
            *_wrong_condition(job, known, jobs, inputs),
            *_wrong_downloads(job, known, jobs),
            *_wrong_fan_out(job, known, jobs),
        ):
            yield Problem(("jobs", number, *problem.place), problem.text, problem.column)


def _wrong_condition(
    job: WorkflowJob, known: Collection[str] | None, jobs: Mapping[str, WorkflowJob], inputs: Collection[str]
) -> Iterator[Problem]:
    """Yield the problems of a job's condition, which may ask for `inputs`.

    `known` are the jobs that this one waits for, None if they are not known.
    """
    place: Place = ("condition",)
    try:
        condition = condition_of(job)
    except ConditionError as error:
        text = unknown("condition", job.condition, PLAIN_CONDITIONS) if _is_word(job.condition) else error.text
        yield Problem(place, text, 0 if _is_word(job.condition) else error.column)
        return
    if condition is None:
        return
    yield from (Problem(place, unknown("input", name[:100], inputs)) for name in condition.inputs - set(inputs))
    for name in sorted(condition.steps):
        base = name.partition("[")[0]
        if base not in jobs or (base != name and name not in instance_names(jobs[base])):
            yield Problem(place, unknown("job", name[:100], jobs))
        elif base == job.name:
            yield Problem(place, "a job cannot look at itself")
        elif known is not None and base not in known:
            yield Problem(place, f"it looks at job '{base}', which this job does not wait for; name it in depends_on")


def _is_word(text: str) -> bool:
    return bool(re.fullmatch(r"\s*[A-Za-z_]+(\(needs\))?\s*", text))


def _wrong_fan_out(
    job: WorkflowJob, known: Collection[str] | None, jobs: Mapping[str, WorkflowJob]
) -> Iterator[Problem]:
    """Yield the problems of a job whose runs an earlier job names in its output."""
    if job.fan_out is None:
        return
    place: Place = (job.fan_out.kind,)
    if job.fan_out.job not in jobs:
        yield Problem(place, unknown("job", job.fan_out.job, jobs))
    elif known is not None and job.fan_out.job not in known:
        yield Problem(place, f"this job does not wait for '{job.fan_out.job}'; name it in depends_on")
    if job.for_each is not None or job.matrix:
        yield Problem(place, "for_each contradicts matrix; give one of them")
    if job.upload:
        yield Problem(("artifacts",), "upload: the runs of the job are not known beforehand, so nobody could get them")


def _wrong_downloads(
    job: WorkflowJob, known: Collection[str] | None, jobs: Mapping[str, WorkflowJob]
) -> Iterator[Problem]:
    for download in job.download:
        if download.job not in jobs:
            yield Problem(("artifacts",), f"download: {unknown('job', download.job, jobs)}")
        elif known is not None and download.job not in known:
            text = f"download: this job does not wait for '{download.job}'; name it in depends_on"
            yield Problem(("artifacts",), text)
        elif not jobs[download.job].upload:
            yield Problem(("artifacts",), f"download: the job '{download.job}' uploads nothing")
