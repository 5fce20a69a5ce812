"""Resuming a workflow: the results and outputs of its jobs in the workspace's journal, reused by the next run."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from runnerlib.events.result import Exports, StepResult
from runnerlib.pipeline.workflow import instance_graph
from runnerlib.pipeline.workflow.job import WorkflowJob
from runnerlib.runner.journal import Entry, chosen
from runnerlib.runner.journal.signature import signed
from runnerlib.runner.resume import open_journal
from runnerlib.runner.workflow.artifacts import expired

if TYPE_CHECKING:
    from collections.abc import Mapping

    from runnerlib.runner.workflow.job_outputs import JobOutputs
    from runnerlib.runner.workflow.plan import WorkflowPlan


# Fields that the signature has in another form, or that do not change what a job does here.
_IRRELEVANT = (
    *("body", "on", "description", "remote", "priority", "matrix"),
    *("retry", "allow_failure", "fail_fast", "max_runs", "approve", "retention", "origins"),
)


class ResumeState:
    """The open journal of the workspace of a workflow; no other run can use it meanwhile."""

    def __init__(self, plan: WorkflowPlan) -> None:
        """Open the journal, emptied unless the plan needs the last run. Raises RunnerError."""
        self._plan = plan
        self._signed = signatures(plan)
        self._journal = open_journal(plan.front, plan.selection)
        self.doubt = self._journal.doubt
        kept, self.left_out = chosen(instance_graph(plan.workflow), self._signed, plan.selection, self._journal.entries)
        self.kept: dict[str, StepResult] = {name: entry.result for name, entry in kept.items()}
        # Without its artifacts a job has not been done.
        for name in expired(plan.front.workspace.artifacts, plan.instances.values()):
            kept.pop(name, None)
            self.kept.pop(name, None)
        self.vars: dict[str, Any] = {}
        for entry in kept.values():
            if entry.exports is not None:
                self.vars |= {name: json.loads(value) for name, value in entry.exports.env.items()}

    def record(self, result: StepResult, handed_on: JobOutputs) -> bool:
        """Record a finished job; return False if its outputs hold a secret and were not stored. Raises OSError."""
        exports = Exports(handed_on.outputs, {name: json.dumps(value) for name, value in handed_on.vars.items()})
        masker = self._plan.masker
        secret = any(masker.mask_string(text) != text for text in (*exports.outputs.values(), *exports.env.values()))
        self._journal.record(Entry(self._signed[result.name], result, None if secret else exports))
        return not secret

    def close(self) -> None:
        """Let another run use the workspace."""
        self._journal.close()


def foreseen(plan: WorkflowPlan) -> tuple[Mapping[str, StepResult], frozenset[str]]:
    """Return the jobs that a run would reuse from the last one, and those it would leave out; changes nothing."""
    entries: Mapping[str, Entry] = {}
    if plan.selection.uses_journal and plan.front.journal.exists():
        journal = open_journal(plan.front, plan.selection)
        journal.close()
        entries = journal.entries
    kept, left_out = chosen(instance_graph(plan.workflow), signatures(plan), plan.selection, entries)
    return {name: entry.result for name, entry in kept.items()}, left_out


def signatures(plan: WorkflowPlan) -> dict[str, str]:
    """Return for each instance a hash of its definition and of those of the instances it waits for."""
    irrelevant: dict[str, Any] = {field: WorkflowJob._field_defaults.get(field) for field in _IRRELEVANT}
    started_with = sorted(plan.workflow.vars.items())

    def definition(name: str) -> object:
        instance = plan.instances[name]
        job = instance.job
        variables = [sorted(given.items()) for given in (job.env, instance.env, job.matrix)]
        if job.body.env_file:
            variables.append([("env_file", name) for name in job.body.env_file])
        if job.body.input_values:
            variables.append(sorted(job.body.input_values.items()))
        return job._replace(**irrelevant), job.body.steps, variables, started_with

    return signed(instance_graph(plan.workflow), definition)
