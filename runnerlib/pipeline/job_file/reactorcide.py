"""The form of `.reactorcide/jobs`: the job, flat or below `job:`, and the rules when and where it runs."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from runnerlib.pipeline.job import Job
from runnerlib.pipeline.job_file import flat, parsers, sources
from runnerlib.pipeline.job_file.inputs import inputs
from runnerlib.pipeline.job_file.job import JOB_KINDS, Located, read_steps, set_defaults, variables
from runnerlib.pipeline.job_file.steps import caches, concurrency, services

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from runnerlib.pipeline.job_file.job import Where
    from runnerlib.pipeline.job_file.nodes import Node
    from runnerlib.pipeline.job_file.reader import Entry, Reading

SOURCE_SETTINGS = tuple(f"{prefix}_{part}" for prefix in sources.KEYS for part in ("type", "url", "ref"))
KINDS: Mapping[str, Callable[..., object]] = {
    **JOB_KINDS,
    **flat.KINDS,
    "ci_source": partial(sources.settings, prefix="ci_source"),
    **dict.fromkeys(SOURCE_SETTINGS, parsers.text),
}
"""The keys with an effect."""

EVENTS = ("on", "triggers", "paths")
ELSEWHERE = (
    *flat.COORDINATOR,
    *("depends_on", "needs", "condition", "item_var", "priority", "raw_command", "runs_on", "artifacts", "outputs"),
    *("labels", "queue_timeout", "on_worker_loss"),
)
"""The keys that have an effect only for a workflow or a coordinator."""
SEVERAL = ("for_each", "matrix", "fail_fast", "max_runs")
OF_WORKFLOWS = ("retry", "allow_failure", "approve", "extends")
"""The keys that a job of a workflow has, and a single job not; to ignore them would be no help."""

INNER = (*KINDS, *ELSEWHERE, *SEVERAL, *OF_WORKFLOWS)
INCLUDE = "include"
TOP = (*INNER, *EVENTS, INCLUDE)
"""The keys below `job`, and those beside it or without it."""

_SAME = {"environment": "env", "timeout_seconds": "timeout"}
_NAMED = {(key,): key for key in ("timeout", "name", "max_parallel", "secrets", "steps")}
_NESTED = {*sources.KEYS, "job", "steps"}


def is_layout(reading: Reading, entries: Mapping[str, Entry]) -> bool:
    """Return whether a key is present that neither of the two other forms has."""
    if "job" not in entries:
        return bool(marks_without_job() & entries.keys())
    node = entries["job"].value
    inner = reading.entries(node, "a job") if node.id == "mapping" else {}
    return bool(marks_beside_job() & entries.keys() or marks_below_job() & inner.keys())


def marks_without_job() -> Collection[str]:
    """The keys by which a file without `job` is of this form."""
    return {*TOP} - {*flat.KEYS, "steps"}


def marks_beside_job() -> Collection[str]:
    """The keys by which a file with `job` is of this form."""
    return {*TOP} - _NESTED


def marks_below_job() -> Collection[str]:
    """The keys below `job` by which a file is of this form."""
    return {*INNER} - {*JOB_KINDS}


def definition(reading: Reading, root: Node, entries: dict[str, Entry]) -> tuple[Located, dict[str, Entry]]:
    """The job of a file, and its keys with those below `job` over those beside it."""
    nested = entries.pop("job", None)
    outer = _level(reading, entries, TOP)
    inner = _level(reading, reading.entries(nested.value, "a job"), INNER) if nested else {}
    merged = {**outer, **inner}
    _check_covered(reading, outer, inner)
    for key in SEVERAL:
        if key in merged:
            reading.complain(merged[key].key, f"'{key}' makes several jobs of one: give this file as --workflow-file")
    for key in (*OF_WORKFLOWS, INCLUDE):
        if key in merged:
            reading.complain(merged[key].key, f"'{key}' is of a workflow: give this file as --workflow-file")
    places: dict[Where, Node] = {place: merged[key].value for place, key in _NAMED.items() if key in merged}
    places[()] = nested.value if nested else root
    env = {**variables(reading, outer, "env", places), **variables(reading, inner, "env", places)}
    job = Job(
        reading.value(merged, "name", parsers.text, "job"),
        env=env,
        timeout=reading.value(merged, "timeout", parsers.duration, None),
        max_parallel=reading.value(merged, "max_parallel", parsers.whole, None),
        secrets=reading.value(merged, "secrets", parsers.names, None),
        description=reading.value(merged, "description", parsers.text, ""),
        inputs=reading.value(merged, "inputs", inputs, {}),
        env_file=reading.value(merged, "env_file", parsers.names, ()),
        cache=reading.value(merged, "cache", caches, ()),
        concurrency=reading.value(merged, "concurrency", concurrency, None),
        services=reading.value(merged, "services", services, ()),
    )
    set_defaults(reading, merged, job)
    return Located(job, places, _steps(reading, merged, job, places)), merged


def _level(reading: Reading, entries: dict[str, Entry], known: Collection[str]) -> dict[str, Entry]:
    """Return the entries of a mapping by their main names."""
    reading.only(entries, known)
    found: dict[str, Entry] = {}
    for key, entry in entries.items():
        name = _SAME.get(key, key)
        if name in found:
            reading.complain(entry.key, f"'{key}' is the same as '{found[name].key.value}'; give one of them")
        found[name] = entry
    return found


def _check_covered(reading: Reading, outer: Mapping[str, Entry], inner: Mapping[str, Entry]) -> None:
    """Report errors in keys beside `job` that have no effect, because those below it win."""
    for key in outer.keys() & inner.keys() & KINDS.keys() - {"env"}:
        if key == "steps":
            reading.complain(outer[key].key, "'steps' stand below 'job' already")
        else:
            reading.value(outer, key, KINDS[key], None)


def _steps(reading: Reading, entries: Mapping[str, Entry], job: Job, places: dict[Where, Node]) -> bool:
    """Add the steps, or the command as one, to `job`; whether all of them have a name."""
    if "steps" in entries:
        for key in ("command", "working_dir"):
            if key in entries:
                reading.complain(entries[key].key, f"{key}: contradicts 'steps'; give one of them")
        return reading.value(entries, "steps", lambda r, node: read_steps(r, node, job, places), False)
    if "command" not in entries:
        reading.complain(places[()], "a job needs 'steps' or a 'command'")
    flat.add_command(reading, entries, job, places)
    return True
