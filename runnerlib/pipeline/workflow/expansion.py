"""The jobs that `for_each` and `matrix` make of one. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from runnerlib.errors import one_line
from runnerlib.output.text.columns import shortened
from runnerlib.pipeline.job import variable_part
from runnerlib.pipeline.workflow.matrix import combination_count, combinations

if TYPE_CHECKING:
    from runnerlib.pipeline.workflow.job import JobGraph, WorkflowJob

PLACEHOLDER = re.compile(r"\$\{(item|matrix|inputs)\.([A-Za-z_][A-Za-z0-9_-]*)\}")
"""A value of a run in the name of its image."""

MOST_INSTANCES = 256
"""The largest number of instances of one job."""
ITEM = "ITEM"
_WIDEST_VALUE = 24


class Instance(NamedTuple):
    """One run of a job: `name` is that of the job, or `build[0]`; `env` has its variables of the matrix.

    `values` are those that people read in its label, by default all of `env`.
    """

    name: str
    job: WorkflowJob
    env: Mapping[str, str]
    values: tuple[str, ...] = ()

    @property
    def label(self) -> str:
        """The name for people: that of the job with the values of the matrix, as `test (macos, 3.12)`."""
        if not self.env:
            return self.name
        values = (shortened(one_line(value), _WIDEST_VALUE) or "''" for value in self.values or self.env.values())
        return f"{self.job.name} ({', '.join(values)})"


def expand(job: WorkflowJob) -> list[Instance]:
    """The instances of `job`: one, or one for each item or combination, named `name[0]` and so on.

    Values that are no texts are written as JSON; the fields of an item that is a mapping have variables of their own.
    Source: the fan-out of Reactorcide's workflow engine.
    """
    found = _expanded(job)
    if job.image is None or "${" not in job.image:
        return found
    return [one._replace(job=job._replace(image=filled(job, one.env))) for one in found]


def filled(job: WorkflowJob, env: Mapping[str, str]) -> str:
    """Return the image of a run with its values: `${item.FIELD}`, `${matrix.KEY}` and `${inputs.NAME}`."""
    inputs = job.body.input_values or {}

    def value(found: re.Match[str]) -> str:
        kind, name = found.groups()
        return inputs.get(name, "") if kind == "inputs" else env.get(f"{kind.upper()}_{variable_part(name)}", "")

    return PLACEHOLDER.sub(value, job.image or "")


def _expanded(job: WorkflowJob) -> list[Instance]:
    if job.for_each is not None:
        return [_of_item(job, number, item) for number, item in enumerate(job.for_each)]
    if job.matrix:
        envs = [
            {f"MATRIX_{variable_part(key)}": as_text(value) for key, value in one.items()}
            for one in combinations(job.matrix)
        ]
    else:
        return [Instance(job.name, job, {})]
    return [Instance(f"{job.name}[{number}]", job, env) for number, env in enumerate(envs)]


def _of_item(job: WorkflowJob, number: int, item: Any) -> Instance:
    name, env = f"{job.name}[{number}]", {job.item_var: as_text(item)}
    if not isinstance(item, Mapping):
        return Instance(name, job, env)
    fields = {variable_part(str(key)): as_text(value) for key, value in item.items()}
    # Conditions know the fields by the usual name, whatever that of the variable is.
    for prefix in dict.fromkeys((job.item_var, ITEM)):
        env |= {f"{prefix}_{field}": value for field, value in fields.items()}
    return Instance(name, job, env, tuple(fields.values()))


def instances(workflow: JobGraph) -> dict[str, Instance]:
    """Every instance by name, in written order."""
    return {instance.name: instance for job in workflow.jobs for instance in expand(job)}


def instance_graph(workflow: JobGraph) -> dict[str, tuple[str, ...]]:
    """Return for each instance those it waits for: all instances of every job that its job depends on."""
    names = {job.name: instance_names(job) for job in workflow.jobs}
    needed = {
        job: tuple(other for name in others for other in names[name]) for job, others in workflow.dependencies().items()
    }
    return {name: needed[job.name] for job in workflow.jobs for name in names[job.name]}


def instance_count(job: WorkflowJob) -> int:
    """Return the number of instances of a job."""
    if job.for_each is not None:
        return len(job.for_each)
    return combination_count(job.matrix) if job.matrix else 1


def instance_names(job: WorkflowJob) -> tuple[str, ...]:
    """The names of the instances of a job."""
    if job.for_each is None and not job.matrix:
        return (job.name,)
    return tuple(f"{job.name}[{number}]" for number in range(instance_count(job)))


def as_text(value: Any) -> str:
    """A value as a variable carries it: texts as they are, anything else as JSON."""
    if isinstance(value, str):
        return value
    import json  # most workflows hold nothing but texts

    return json.dumps(value, ensure_ascii=False)
