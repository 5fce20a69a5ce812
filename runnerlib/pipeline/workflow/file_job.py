"""One job in a file: its keys flat or below `job:`, over those of the file that `job_file` names."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

from runnerlib.pipeline.job import Job, Step
from runnerlib.pipeline.job_file.inputs import inputs
from runnerlib.pipeline.job_file.job import origins_of_steps, read_steps
from runnerlib.pipeline.job_file.reader import Entry, Reading, Wrong
from runnerlib.pipeline.job_file.sources import KEYS as SOURCES
from runnerlib.pipeline.workflow.file_keys import (
    FILE_KEYS,
    JOB_KEYS,
    NESTED_KEYS,
    NO_ARTIFACTS,
    RESERVED,
    Key,
    events,
    paths,
)
from runnerlib.pipeline.workflow.job import NO_FILTER, Filter, WorkflowJob

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from runnerlib.pipeline.job.inputs import Input
    from runnerlib.pipeline.job_file.job import Where
    from runnerlib.pipeline.job_file.nodes import Node

_SETTINGS = (
    *("code_dir", "job_dir", "queue_timeout", "on_worker_loss"),
    *(f"{prefix}_{part}" for prefix in SOURCES for part in ("type", "url", "ref")),
)
_FIELDS = (
    *("image", "depends_on", "condition", "for_each", "item_var", "matrix", "priority", "resources", "runs_on"),
    *("retry", "allow_failure", "fail_fast", "max_runs", "approve"),
)
_IGNORED = "x-"


class Values(NamedTuple):
    """Contents of a job's file: values by key, their positions, and the filter of a job that stands alone.

    `origins` has the places of values that come from elsewhere, for people.
    """

    values: dict[str, Any]
    places: dict[Where, Node]
    on: Filter = NO_FILTER
    named: bool = True
    inputs: Mapping[str, Input] = MappingProxyType({})
    origins: dict[str, str] = {}  # noqa: RUF012 - of a tuple: it is never changed in place


class Found(NamedTuple):
    """A job and the positions of its parts."""

    job: WorkflowJob
    places: dict[Where, Node]
    named: bool


def read_values(
    reading: Reading,
    node: Node,
    other_file: Callable[[Reading, Node], Values] | None = None,
    extended: Callable[[Reading, Node], Values] | None = None,
    *,
    alone: bool = True,
) -> Values:
    """Return the keys of a job; one that is `alone` in its file may have a filter of events.

    `other_file` reads what `job_file` names, `extended` what `extends` does. Raises Wrong for what is no mapping.
    """
    entries = reading.entries(node, "a job")
    flat = {key: entry for key, entry in entries.items() if not key.startswith(_IGNORED)}
    _refuse_reserved(reading, flat)
    nested = flat.pop("job", None)
    below = _by_default(reading, node)
    if "extends" in flat:
        below = over(below, _extended(reading, flat, extended), node)
    if "job_file" in flat:
        below = over(below, _other(reading, flat, other_file), node)
    on = _filter(reading, flat) if alone else NO_FILTER
    given = {"inputs": flat.pop("inputs")} if alone and "inputs" in flat else {}
    below = below._replace(inputs={**below.inputs, **reading.value(given, "inputs", inputs, {})})
    reading.only(flat, [*JOB_KEYS, *(FILE_KEYS if alone else NESTED_KEYS)])
    named = _merge(reading, below, flat)
    if nested is not None:
        inner = reading.entries(nested.value, "job")
        _refuse_reserved(reading, inner)
        reading.only(inner, JOB_KEYS)
        named = _merge(reading, below, inner) and named
    return below._replace(on=on, named=named and below.named)


def _by_default(reading: Reading, node: Node) -> Values:
    """Return what every job of the file has."""
    given = reading.job_defaults
    places: dict[Where, Node] = {**{(key,): at for key, (_, at) in given.items()}, (): node}
    origins = {key: f"defaults, {reading.where(at)}" for key, (_, at) in given.items()}
    return Values({key: value for key, (value, _) in given.items()}, places, origins=origins)


def with_origins(found: Values, reading: Reading) -> Values:
    """Return the values, each with the place in the file where it stands."""
    places = {key: found.places.get((key,)) for key in found.values if key not in found.origins}
    own = {key: reading.where(place) for key, place in places.items() if place is not None}
    return found._replace(origins={**own, **found.origins})


def over(below: Values, found: Values, node: Node) -> Values:
    """Return the values of another file over those `below`; a mistake in them is told at `node`."""
    values = {**below.values, **found.values}
    if "env" in below.values and "env" in found.values:
        values["env"] = {**below.values["env"], **found.values["env"]}
    origins = {**{key: place for key, place in below.origins.items() if key not in found.values}, **found.origins}
    places = {**below.places, **dict.fromkeys(found.places, node), (): node}
    named = below.named and found.named
    return Values(values, places, NO_FILTER, named, {**below.inputs, **found.inputs}, origins)


def as_job(reading: Reading, found: Values, name: str, node: Node) -> Found:
    """Return the job of `found`, under `name`; report what it lacks."""
    values, places = found.values, found.places
    command, steps = values.get("command"), values.get("steps")
    if command is not None and steps is not None:
        reading.complain(places.get(("command",), node), "command: contradicts 'steps'; give one of them")
    elif command is None and steps is None:
        reading.complain(node, f"the job '{name[:100]}' needs 'steps' or a 'command'")
        command = "true"
    if steps is None:
        shell = "/bin/sh -c" if isinstance(command, str) else None
        steps = [Step(name, command or "true", shell, working_dir=values.get("working_dir"))]
        places |= {("steps", 0, "run"): places.get(("command",), node), ("steps",): places.get(("command",), node)}
        places[("steps", 0, "name")] = places.get(("name",), node)
    elif "working_dir" in values:
        reading.complain(places[("working_dir",)], "working_dir: is for a command; steps have their own")
    body = Job(
        name,
        steps,
        env=values.get("env"),
        timeout=values.get("timeout"),
        max_parallel=values.get("max_parallel"),
        secrets=values.get("secrets"),
        env_file=values.get("env_file", ()),
        inputs=found.inputs,
        origins={key: place for key, place in found.origins.items() if key.startswith("steps: ")},
        cache=values.get("cache", ()),
        concurrency=values.get("concurrency"),
        services=values.get("services", ()),
    )
    artifacts = values.get("artifacts", NO_ARTIFACTS)
    job = WorkflowJob(
        name,
        body,
        values.get("command"),
        settings=_settings(values),
        outputs=values.get("outputs", {}),
        remote={key: values[key] for key in values if JOB_KEYS[key].remote or key == "working_dir"},
        on=found.on,
        description=values.get("description", ""),
        origins=found.origins,
        **artifacts,
        **{key: values[key] for key in _FIELDS if key in values},
    )
    return Found(job, places, found.named)


def _settings(values: Mapping[str, Any]) -> dict[str, str]:
    settings: dict[str, str] = {}
    for key in SOURCES:
        settings |= values.get(key, {})
    return settings | {key: values[key] for key in _SETTINGS if key in values}


def _merge(reading: Reading, below: Values, entries: Mapping[str, Entry]) -> bool:
    """Put the values of `entries` over those `below`; return whether every step has a usable name."""
    named = True
    given: dict[str, str] = {}
    outer = reading.step_defaults
    if "defaults" in entries:
        reading.step_defaults = {**outer, **reading.value(entries, "defaults", JOB_KEYS["defaults"].kind, {})}
    for key, entry in entries.items():
        if key == "defaults":
            continue
        declared = JOB_KEYS[key]
        target = declared.same_as or key
        if target in given:
            reading.complain(entry.key, f"'{key}' is the same as '{given[target]}'; give one of them")
            continue
        given[target] = key
        usable, value = _value(reading, entries, key, declared)
        if not usable:
            continue
        below.origins.pop(target, None)
        if target == "steps":
            below.origins.update(origins_of_steps(reading))
            value, named = _steps(reading, value, below.places)
        if target == "env":
            below.places.update({("env", name): place.key for name, place in reading.entries(entry.value, key).items()})
            value = {**below.values.get("env", {}), **value}
        below.values[target] = value
        below.places[(target,)] = entry.value
    for one, other in (("command", "steps"), ("for_each", "matrix")):
        _replace_other(below, given, one, other)
    reading.step_defaults = outer
    return named


def _replace_other(below: Values, given: Collection[str], one: str, other: str) -> None:
    """Remove the command of the job file if there are inline steps, and the other way round."""
    if (one in given) != (other in given):
        gone = other if one in given else one
        below.values.pop(gone, None)
        below.origins.pop(gone, None)


def _value(reading: Reading, entries: Mapping[str, Entry], key: str, declared: Key) -> tuple[bool, Any]:
    missing = object()
    value = reading.value(entries, key, declared.kind, missing)
    return value is not missing, value


def _steps(reading: Reading, node: Node, places: dict[Where, Node]) -> tuple[list[Step], bool]:
    job = Job()
    try:
        named = read_steps(reading, node, job, places)
    except Wrong as wrong:
        reading.complain(wrong.node or node, f"steps: {wrong}")
        named = False
    return job.steps, named


def _filter(reading: Reading, entries: dict[str, Entry]) -> Filter:
    """The events, branches and paths that a bare job file is meant for; these keys are taken out."""
    return read_filter(reading, {key: entries.pop(key) for key in ("on", "triggers", "paths") if key in entries})


def read_filter(reading: Reading, entries: Mapping[str, Entry]) -> Filter:
    """The filter that `on` (or `triggers`) and `paths` make."""
    if "on" in entries and "triggers" in entries:
        reading.complain(entries["triggers"].key, "'triggers' is the same as 'on'; give one of them")
    found = reading.value(entries, "on" if "on" in entries else "triggers", events, NO_FILTER)
    paths_found = reading.value(entries, "paths", paths, NO_FILTER)
    return found._replace(include=paths_found.include, exclude=paths_found.exclude)


def _in_place(entries: Mapping[str, Entry]) -> Values:
    """Return values in place of those that could not be read: they cause no further errors."""
    own = {"command", "steps", "job", "job_file"} & entries.keys()
    return Values({} if own else {"command": "true"}, {}, named=False)


def _extended(
    reading: Reading, entries: dict[str, Entry], extended: Callable[[Reading, Node], Values] | None
) -> Values:
    entry = entries.pop("extends")
    nothing = _in_place(entries)
    if extended is None:
        reading.complain(entry.key, "a job file has no other jobs to extend; a workflow file has")
        return nothing
    return reading.value({"extends": entry}, "extends", extended, nothing)


def _other(reading: Reading, entries: dict[str, Entry], other_file: Callable[[Reading, Node], Values] | None) -> Values:
    entry = entries.pop("job_file")
    nothing = _in_place(entries)
    if other_file is None:
        reading.complain(entry.key, "a job file names no other job file")
        return nothing
    return reading.value({"job_file": entry}, "job_file", other_file, nothing)


def _refuse_reserved(reading: Reading, entries: dict[str, Entry]) -> None:
    for key in RESERVED:
        if key in entries:
            reading.complain(entries.pop(key).key, f"'{key}' is what only a coordinator may say of a job")


def name_of(reading: Reading, values: Mapping[str, Any], node: Node) -> str:
    """Return the own name of a job; report it when there is none."""
    if "name" not in values:
        reading.complain(node, "a job needs 'name'")
    return str(values.get("name", "job"))
