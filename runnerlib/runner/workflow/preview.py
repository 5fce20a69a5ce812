"""Preview of a workflow run, and the jobs that can follow a job; nothing is run here."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from runnerlib.errors import one_line
from runnerlib.events.result import StepResult
from runnerlib.pipeline.graph_text import (
    Node,
    around_of,
    counted,
    graph_as_mermaid,
    graph_as_text,
    in_group,
    listed_secrets,
    origins_as_text,
)
from runnerlib.pipeline.workflow import Instance, JobDecider, Progress, ToApprove, instance_graph, plain_condition
from runnerlib.runner.workflow.resume import foreseen
from runnerlib.runner.workflow.run import surroundings_of
from runnerlib.runner.workflow.status_records import directory_of, job_result
from runnerlib.triggers.next_jobs import NextJob, next_jobs

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from runnerlib.pipeline.workflow import WorkflowJob
    from runnerlib.runner.workflow.plan import WorkflowPlan

_MOST_LABELS = 12
_OUTCOMES: Mapping[str, str] = {"completed": "success", "skipped": "skipped", "cancelled": "cancelled"}


def picture(plan: WorkflowPlan, how: str, width: int = 0) -> str:
    """Return the graph as `text` of at most `width` columns (0: any) or for `mermaid`, with what would not run."""
    results = verdicts(plan)
    return _mermaid(plan, results) if how == "mermaid" else _text(plan, results, width)


def verdicts(plan: WorkflowPlan) -> dict[str, StepResult | None]:
    """Return for each instance its result if it would not run, else None; assumes that all runs succeed."""
    kept, left_out = foreseen(plan)
    judge = JobDecider(plan.workflow, surroundings_of(plan, lambda _text: None), left_out, plan.forced)
    progress = Progress(judge, len(plan.instances), kept, lambda one: plan.plans[one.name].env)
    found: dict[str, StepResult | None] = {}
    running: list[str] = []
    while not progress.done:
        while (one := progress.next()) is not None:
            if isinstance(one, ToApprove):
                continue  # nobody is asked here
            if isinstance(one, Instance):
                running.append(one.name)
                found[one.name] = None
            else:
                found[one.name] = one
        for name in running:
            progress.ended(StepResult(name, outcome="success", exit_code=0))
        running.clear()
    return found


def next_jobs_after(plan: WorkflowPlan, done: str, command: Callable[[str], str]) -> str:
    """Return the jobs that can follow `done`, a job or one run of it, and the command for each.

    Depends on the results of the other jobs recorded in the workspace.
    """
    workflow, known = plan.workflow, _known(plan)
    if done in plan.instances:
        done = plan.instances[done].job.name
    following: list[NextJob] = []
    for job in workflow.jobs:
        if done not in job.depends_on:
            continue
        missing = [name for name in job.depends_on if name not in known]
        if missing or _would_run(plan, job, known):
            following.append(NextJob(job.name, job.depends_on, complete=not missing))
    return next_jobs(following, command)


def _known(plan: WorkflowPlan) -> dict[str, list[StepResult]]:
    """Return the results of the jobs of which every run has ended, by job."""
    directory = directory_of(plan.front.workspace)
    found: dict[str, list[StepResult]] = {}
    known = _planned(plan)
    for name, instance in known.items():
        found.setdefault(instance.job.name, [])
        record = job_result(directory, name)
        if record is not None and record["state"] not in {"running", "interrupted"} and record["cause"] != "excluded":
            outcome = _OUTCOMES.get(record["state"], "failure")
            code = record["exit_code"] or 0
            result = StepResult(name, outcome=outcome, exit_code=code, outputs=record["outputs"])  # type: ignore[arg-type]
            found[instance.job.name].append(result)
    counts = Counter(instance.job.name for instance in known.values())
    return {name: results for name, results in found.items() if len(results) == counts[name]}


def _planned(plan: WorkflowPlan) -> dict[str, Instance]:
    """Return the instances of the workflow as it is written, without those that an output has named since."""
    written = instance_graph(plan.workflow)
    return {name: instance for name, instance in plan.instances.items() if name in written}


def _would_run(plan: WorkflowPlan, job: WorkflowJob, known: Mapping[str, list[StepResult]]) -> bool:
    """Return whether one of the instances of a job would run now."""
    judge = JobDecider(plan.workflow, surroundings_of(plan, lambda _text: None))
    for results in known.values():
        for result in results:
            judge.ended(result)
    own = [instance for instance in _planned(plan).values() if instance.job.name == job.name]
    return any(judge.verdict(one.name, plan.plans[one.name].env) is None for one in own)


def _text(plan: WorkflowPlan, results: Mapping[str, StepResult | None], width: int) -> str:
    workflow = plan.workflow
    runs: dict[str, list[Instance]] = {job.name: [] for job in workflow.jobs}
    for one in plan.instances.values():
        runs[one.job.name].append(one)
    nodes = {job.name: _node(job, runs[job.name], results) for job in workflow.jobs}
    counts = f"workflow {one_line(workflow.name)}: {counted(len(nodes), 'job')}"
    title = "; ".join((counts, *in_group(workflow.concurrency)))
    origins = workflow.origins | {
        f"{one_line(job.name)}: {key}": place for job in workflow.jobs for key, place in job.origins.items()
    }
    return graph_as_text(title, workflow.dependencies(), nodes, width) + origins_as_text(origins, width)


def _node(job: WorkflowJob, runs: list[Instance], results: Mapping[str, StepResult | None]) -> Node:
    command = job.body.steps[0].shown if job.command is not None else counted(len(job.body.steps), "step")
    return Node(command, tuple(_how(job, runs)), _idle(runs, results))


def _idle(runs: list[Instance], results: Mapping[str, StepResult | None]) -> str:
    """Return which runs of a job would not run, and why; empty if all would."""
    found: dict[str, list[str]] = {}
    for one in runs:
        result = results[one.name]
        if result is not None:
            done = result.cause == "restored"
            found.setdefault("done before" if done else f"does not run: {result.reason}", []).append(one.label)
    if [len(labels) for labels in found.values()] == [len(runs)]:
        return next(iter(found))
    return "; ".join(f"{', '.join(labels)}: {why}" for why, labels in found.items())


def _how(job: WorkflowJob, runs: list[Instance]) -> Iterator[str]:
    if len(runs) > 1 or runs[0].env:
        labels = [one.label.removeprefix(f"{job.name} ") for one in runs]
        more = f", … {len(runs) - _MOST_LABELS} more" * (len(runs) > _MOST_LABELS)
        yield f"{counted(len(runs), 'run')}: {', '.join(labels[:_MOST_LABELS])}{more}"
    if job.depends_on:
        yield f"after {', '.join(job.depends_on)}"
    word = plain_condition(job.condition)
    if word == "any_failed":
        yield "only if one of them fails"
    elif word == "always":
        yield "whatever becomes of them"
    elif not word:
        yield f"if {job.condition.strip()}"
    if job.image:
        yield f"in {job.image}"
    yield from _attempts(job)
    yield from listed_secrets(job.body.secrets)
    yield from around_of(job.body)


def _attempts(job: WorkflowJob) -> Iterator[str]:
    """Yield the words about what a failure of a job means, and about its runs as a whole."""
    if job.fan_out is not None:
        what = "each of" if job.fan_out.kind == "for_each" else "each combination of"
        yield f"for {what} the output '{job.fan_out.output}' of {job.fan_out.job}"
    if job.approve is not None:
        yield "when somebody approves it" + (f": {job.approve.message}" if job.approve.message else "")
    if job.allow_failure:
        yield "may fail"
    if job.retry.max:
        yield f"up to {job.retry.max + 1} attempts"
    if job.max_runs:
        yield f"at most {job.max_runs} at a time"
    if job.fail_fast:
        yield "the first failure ends the others"


def _mermaid(plan: WorkflowPlan, results: Mapping[str, StepResult | None]) -> str:
    graph = plan.workflow.dependencies()
    running = {plan.instances[name].job.name for name, result in results.items() if result is None}
    notes = {job.name: (*around_of(job.body), *map(one_line, _attempts(job))) for job in plan.workflow.jobs}
    return graph_as_mermaid(graph, graph.keys() - running, "j", notes, *in_group(plan.workflow.concurrency))
