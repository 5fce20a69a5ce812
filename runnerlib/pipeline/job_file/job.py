"""The job in a file, and the position of each part of it."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from runnerlib.pipeline.job import Job
from runnerlib.pipeline.job_file import parsers
from runnerlib.pipeline.job_file.inputs import inputs
from runnerlib.pipeline.job_file.reader import Entry, Reading, Wrong
from runnerlib.pipeline.job_file.steps import caches, concurrency, defaults, services, step

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from runnerlib.pipeline.job_file.nodes import Node

_MOST = 10_000

Where = tuple[str | int, ...]


class Located(NamedTuple):
    """A job and, by the places of its problems, the nodes; `named` is False when a step or its name is unusable."""

    job: Job
    places: dict[Where, Node]
    named: bool = True


def definition(reading: Reading, node: Node) -> Located:
    """Return the job of the key `job`, with the positions of its parts. Raises Wrong if it is no mapping."""
    entries = reading.entries(node, "a job", JOB_KINDS)
    places: dict[Where, Node] = {(key,): entry.value for key, entry in entries.items()}
    places[()] = node
    env = variables(reading, entries, "env", places)
    job = Job(
        reading.value(entries, "name", JOB_KINDS["name"], "job"),
        env=env,
        timeout=reading.value(entries, "timeout", JOB_KINDS["timeout"], None),
        max_parallel=reading.value(entries, "max_parallel", JOB_KINDS["max_parallel"], None),
        secrets=reading.value(entries, "secrets", JOB_KINDS["secrets"], None),
        description=reading.value(entries, "description", JOB_KINDS["description"], ""),
        inputs=reading.value(entries, "inputs", inputs, {}),
        env_file=reading.value(entries, "env_file", parsers.names, ()),
        cache=reading.value(entries, "cache", caches, ()),
        concurrency=reading.value(entries, "concurrency", concurrency, None),
        services=reading.value(entries, "services", services, ()),
    )
    set_defaults(reading, entries, job)
    if "steps" not in entries:
        return Located(job, places)
    return Located(job, places, reading.value(entries, "steps", partial(read_steps, job=job, places=places), False))


def set_defaults(reading: Reading, entries: Mapping[str, Entry], job: Job) -> None:
    """Let the steps of `job` have what its `defaults` say."""
    reading.step_defaults = reading.value(entries, "defaults", defaults, {})
    job.origins = origins_of_steps(reading)


def origins_of_steps(reading: Reading) -> dict[str, str]:
    """Return the place of each key that steps have by default, for people."""
    return {f"steps: {key}": f"defaults, {reading.where(entry.key)}" for key, entry in reading.step_defaults.items()}


def variables(reading: Reading, entries: Mapping[str, Entry], key: str, places: dict[Where, Node]) -> Mapping[str, str]:
    """Return the variables of the job at `key`; add the position of each to `places`."""
    found = reading.value(entries, key, parsers.variables, parsers.NO_VARIABLES)
    if found:
        places |= {("env", name): entry.key for name, entry in reading.entries(entries[key].value, key).items()}
    return found


def read_steps(reading: Reading, node: Node, job: Job, places: dict[Where, Node]) -> bool:
    """Add the steps that can be read to `job`; returns whether all of them have a name."""
    steps = job.steps
    named = True
    if node.id == "sequence" and len(node.value) > _MOST:
        raise Wrong(f"a job has at most {_MOST:,} steps")
    for number, item in enumerate(reading.items(node), 1):
        try:
            found, entries = step(reading, item, number)
        except Wrong as wrong:
            reading.complain(wrong.node or item, str(wrong))
            named = False
            continue
        place = ("steps", len(steps))
        places[place] = item
        places |= {(*place, key): entry.value for key, entry in entries.items()}
        named = named and "name" in entries and entries["name"].value.id == "scalar"
        steps.append(found)
    return named


JOB_KINDS: Mapping[str, Callable[..., Any]] = {
    "name": parsers.text,
    "description": parsers.text,
    "env": parsers.variables,
    "env_file": parsers.names,
    "timeout": parsers.duration,
    "max_parallel": parsers.whole,
    "secrets": parsers.names,
    "defaults": defaults,
    "inputs": inputs,
    "cache": caches,
    "concurrency": concurrency,
    "services": services,
    "steps": read_steps,
}
JOB_KEYS = tuple(JOB_KINDS)
"""The keys of a job in a file."""
