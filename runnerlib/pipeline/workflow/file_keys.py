"""Keys of a workflow file, declared once: the kind of each value and its meaning.

The texts for users and the JSON Schema derive from here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, NamedTuple

from runnerlib.errors import ConfigError, unknown
from runnerlib.pipeline.job_file import parsers, sources
from runnerlib.pipeline.job_file import steps as step_keys
from runnerlib.pipeline.job_file.inputs import inputs
from runnerlib.pipeline.job_file.nodes import Node
from runnerlib.pipeline.job_file.reader import Entry, Reading, Wrong, got, kind_of
from runnerlib.pipeline.job_file.steps import caches, concurrency, services
from runnerlib.pipeline.workflow.checks import IF_NO_FILES
from runnerlib.pipeline.workflow.job import EVENTS, FAN_OUT_EXPECTED, NO_FILTER, Approval, Download, Filter, fan_out

NO_ARTIFACTS: Mapping[str, Any] = {"upload": (), "if_no_files": "fail", "retention": None, "download": ()}

RESERVED = ("authority", "ci_origin", "execution_profile", "policy_revision", "policy_rule_id", "approval_id")
"""The keys of a job that only a coordinator uses."""

_CANONICAL_INT = re.compile(r"0|-?[1-9][0-9]{0,14}")
_CANONICAL_FLOAT = re.compile(r"-?(?:0|[1-9][0-9]{0,9})\.(?:[0-9]{0,9}[1-9]|0)")


class Key(NamedTuple):
    """One key: the reader of its value, and its meaning. `same_as` is the main name of this alias."""

    kind: Callable[[Reading, Node], Any]
    help: str
    same_as: str = ""
    remote: bool = False


def value(reading: Reading, node: Node) -> Any:
    """Read plain data.

    A value that would not be written again in the same way, such as 3.10 or `yes`, stays a text.
    """
    if node.id == "sequence":
        return [value(reading, item) for item in reading.items(node)]
    if node.id == "mapping":
        return {name: value(reading, entry.value) for name, entry in reading.entries(node, "this").items()}
    return _scalar(node.tag.rpartition(":")[2], node.value)


def _scalar(kind: str, written: str) -> Any:
    if kind == "null":
        return None
    if kind == "bool" and written in {"true", "false"}:
        return written == "true"
    if kind == "int" and _CANONICAL_INT.fullmatch(written):
        return int(written)
    if kind == "float" and _CANONICAL_FLOAT.fullmatch(written):
        return float(written)
    return written


def items(reading: Reading, node: Node) -> tuple[Any, ...] | str:
    """A list of plain values, or the name of an output."""
    if node.id == "scalar":
        return _output(reading, node, "for_each")
    return tuple(value(reading, item) for item in reading.items(node))


def matrix_or_output(reading: Reading, node: Node) -> dict[str, tuple[Any, ...]] | str:
    """Read a matrix, or the name of an output."""
    return _output(reading, node, "matrix") if node.id == "scalar" else matrix(reading, node)


def _output(reading: Reading, node: Node, kind: str) -> str:
    text = parsers.text(reading, node)
    try:
        fan_out(text, kind)
    except ConfigError:
        raise Wrong(f"{FAN_OUT_EXPECTED}{got(node)}", node) from None
    return text


def mapping(reading: Reading, node: Node) -> dict[str, Any]:
    """A mapping of plain values."""
    return {name: value(reading, entry.value) for name, entry in reading.entries(node, "this").items()}


def matrix(reading: Reading, node: Node) -> dict[str, tuple[Any, ...]]:
    """Read a mapping of names to lists of values, `include` and `exclude` to lists of mappings.

    A single value is a list of one.
    """
    found: dict[str, tuple[Any, ...]] = {}
    for name, entry in reading.entries(node, "a matrix").items():
        if name in MATRIX_KINDS:
            found[name] = (MATRIX_KINDS[name](reading, entry.value),)
            continue
        single = entry.value.id != "sequence"
        found[name] = (
            (value(reading, entry.value),)
            if single
            else tuple(value(reading, item) for item in reading.items(entry.value))
        )
    return found


def outputs(reading: Reading, node: Node) -> dict[str, str]:
    """Names, or a mapping of names to STEP.OUTPUT."""
    return parsers.variables(reading, node) if node.id == "mapping" else dict.fromkeys(parsers.names(reading, node), "")


def artifacts(reading: Reading, node: Node) -> dict[str, Any]:
    """Read the artifacts that a job uploads for others, and those that it downloads."""
    entries = reading.entries(node, "artifacts", ARTIFACT_KINDS)
    return {key: reading.value(entries, key, kind, NO_ARTIFACTS[key]) for key, kind in ARTIFACT_KINDS.items()}


def if_no_files(reading: Reading, node: Node) -> str:
    """Read the reaction to a pattern of `upload` without any file."""
    given = parsers.text(reading, node)
    if given not in IF_NO_FILES:
        raise Wrong(unknown("value", given[:100], IF_NO_FILES), node)
    return given


def downloads(reading: Reading, node: Node) -> tuple[Download, ...]:
    """One download or a list of them: the name of a job, or a mapping."""
    if node.id != "sequence":
        return (_download(reading, node),)
    return tuple(_download(reading, item) for item in reading.items(node))


def _download(reading: Reading, node: Node) -> Download:
    if node.id == "scalar":
        return Download(parsers.text(reading, node))
    entries = reading.entries(node, "a download", DOWNLOAD_KINDS)
    if "job" not in entries:
        raise Wrong("'job' is missing, the name of the job whose artifacts are wanted", node)
    files = reading.value(entries, "files", parsers.names, ("**",))
    return Download(
        reading.value(entries, "job", parsers.text, ""), files, reading.value(entries, "to", parsers.text, "")
    )


def events(reading: Reading, node: Node) -> Filter:
    """Events, or a mapping of events and branches."""
    if node.id != "mapping":
        return Filter(event_names(reading, node))
    entries = reading.entries(node, "this", EVENT_KINDS)
    return Filter(
        reading.value(entries, "events", event_names, ()), reading.value(entries, "branches", parsers.names, ())
    )


def event_names(reading: Reading, node: Node) -> tuple[str, ...]:
    """One event or a list of them."""
    found = parsers.names(reading, node)
    for item, name in zip([node] if node.id == "scalar" else node.value, found, strict=False):
        if name not in EVENTS:
            reading.complain(item, unknown("event", name[:100], EVENTS))
    return found


def paths(reading: Reading, node: Node) -> Filter:
    """Globs of changed files that count, and of those that do not."""
    entries = reading.entries(node, "paths", PATH_KINDS)
    include = reading.value(entries, "include", parsers.names, ())
    return NO_FILTER._replace(include=include, exclude=reading.value(entries, "exclude", parsers.names, ()))


def run_as(reading: Reading, node: Node) -> dict[str, Any]:
    """The user a job runs as: a text, or a mapping with `user`."""
    return mapping(reading, node) if node.id == "mapping" else {"user": parsers.text(reading, node)}


def steps(_reading: Reading, node: Node) -> Node:
    """Check the form of the steps, which are read when the name of the job is known."""
    if node.id != "sequence":
        raise Wrong(f"a list is expected, got {kind_of(node)}")
    return node


Kinds = Mapping[str, Callable[[Reading, Node], Any]]


def defaults(reading: Reading, node: Node) -> dict[str, Entry]:
    """Read what all steps and all jobs have, and let those of this file have it. Raises Wrong for no mapping."""
    entries = reading.entries(node, "defaults", DEFAULT_WORDS)
    reading.step_defaults = reading.value(entries, "steps", step_keys.step_defaults, {})
    reading.job_defaults = reading.value(entries, "jobs", _job_defaults, {})
    return entries


def _job_defaults(reading: Reading, node: Node) -> dict[str, tuple[Any, Node]]:
    entries = reading.entries(node, "this", DEFAULT_KEYS)
    missing = object()
    found: dict[str, tuple[Any, Node]] = {}
    for key, entry in entries.items():
        declared = DEFAULT_KEYS[key]
        given = reading.value(entries, key, declared.kind, missing)
        if (declared.same_as or key) in found:
            reading.complain(entry.key, f"'{key}' is the same as '{declared.same_as or key}'; give one of them")
        elif given is not missing:
            found[declared.same_as or key] = given, entry.value
    return found


def approve(reading: Reading, node: Node) -> Approval | None:
    """Read a question: `true`, its text, or a mapping of `message` and `timeout`."""
    if node.id == "mapping":
        entries = reading.entries(node, "approve", APPROVE_KINDS)
        usual = Approval()
        message = reading.value(entries, "message", parsers.text, "")
        return Approval(message, reading.value(entries, "timeout", parsers.duration, usual.timeout))
    if node.tag.endswith(":bool"):
        return Approval() if parsers.boolean(reading, node) else None
    return Approval(parsers.text(reading, node))


def include(_reading: Reading, node: Node) -> Node:
    """Return the node: the files are read before the jobs."""
    return node


APPROVE_KINDS: Kinds = {"message": parsers.text, "timeout": parsers.duration}
DEFAULT_WORDS = ("jobs", "steps")
ARTIFACT_KINDS: Kinds = {
    "upload": parsers.names,
    "if_no_files": if_no_files,
    "retention": parsers.duration,
    "download": downloads,
}
DOWNLOAD_KINDS: Kinds = {"job": parsers.text, "files": parsers.names, "to": parsers.text}
EVENT_KINDS: Kinds = {"events": event_names, "branches": parsers.names}
PATH_KINDS: Kinds = {"include": parsers.names, "exclude": parsers.names}

MATRIX_KINDS: Kinds = {"fail_fast": parsers.boolean, "max_parallel": parsers.whole}

WORKFLOW_KEYS: Mapping[str, Key] = {
    "name": Key(parsers.text, "name of the workflow"),
    "id": Key(parsers.text, "id of the workflow for a coordinator and its policies (default: `pr` for `pr.yaml`)"),
    "description": Key(parsers.text, "purpose, as `runnerlib list` shows it"),
    "on": Key(events, "events that start the workflow, or a mapping of `events` and `branches`"),
    "triggers": Key(events, "the same as `on`", same_as="on"),
    "paths": Key(paths, "globs of changed files: `include` and `exclude`"),
    "vars": Key(mapping, "values for every job"),
    "include": Key(include, "files with jobs for this one: of the same tree, of the CI source, or of a git source"),
    "inputs": Key(inputs, "parameters of the workflow, with types and defaults: `--set name=value`"),
    "defaults": Key(defaults, "keys that all `jobs` and all `steps` have where they do not say otherwise"),
    "concurrency": Key(concurrency, "group of which one run goes on at a time, or mapping of `group` and `cancel`"),
    "jobs": Key(value, "list of jobs, or a mapping of names to jobs"),
}
"""The keys below `workflow:`, and of a file in `.reactorcide/workflows`."""

_SOURCES = {
    f"{prefix}_{part}": Key(parsers.text, f"the setting {prefix}_{part}")
    for prefix in sources.KEYS
    for part in ("type", "url", "ref")
}
_REMOTE: Mapping[str, tuple[Callable[[Reading, Node], Any], str]] = {
    "raw_command": (parsers.boolean, "`true`: a coordinator runs the command as it is, without `runnerlib run`"),
    "capabilities": (parsers.names, "capabilities that the worker must have: docker, builder, gpu"),
    "image_pull_secrets": (parsers.names, "names of the cluster's secrets for pulling the image"),
    "run_as": (run_as, "user of the container: `{user: runner}`, root or uid[:gid]"),
    "worker_class": (parsers.text, "class of the worker"),
    "characteristics": (mapping, "characteristics that the worker must have"),
    "run_local": (mapping, "for Reactorcide's run-local"),
    "disable_run_local": (parsers.boolean, "for Reactorcide's run-local"),
}

JOB_KEYS: Mapping[str, Key] = {
    "name": Key(parsers.text, "name of the job"),
    "description": Key(parsers.text, "purpose, as `runnerlib list` shows it"),
    "image": Key(parsers.text, "container image it runs in"),
    "steps": Key(steps, "list of steps"),
    "command": Key(parsers.command, "command for `sh -c`, or a list of words, instead of steps"),
    "depends_on": Key(parsers.names, "names of jobs to wait for"),
    "needs": Key(parsers.names, "the same as `depends_on`", same_as="depends_on"),
    "condition": Key(parsers.text, "`all_success`, `any_failed`, `always` or a condition"),
    "for_each": Key(items, "list of items; the job runs once for each"),
    "item_var": Key(parsers.text, "name of the variable that holds the item"),
    "matrix": Key(matrix_or_output, "names and lists, `include` and `exclude`; the job runs once for each combination"),
    "fail_fast": Key(parsers.boolean, "`true`: the first run of `for_each` or `matrix` that fails ends the others"),
    "max_runs": Key(parsers.whole, "how many runs of `for_each` or `matrix` go at a time; in a matrix `max_parallel`"),
    "defaults": Key(step_keys.defaults, "keys that all its `steps` have where they do not say otherwise"),
    "env": Key(parsers.variables, "variables for every step"),
    "env_file": Key(parsers.names, "files of variables in its directory, for every step"),
    "environment": Key(parsers.variables, "the same as `env`", same_as="env"),
    "timeout": Key(parsers.duration, "time for the whole job"),
    "retry": Key(step_keys.retry, "number of further attempts at the whole job after a failure, or a mapping"),
    "allow_failure": Key(parsers.boolean, "`true`: the workflow goes on, and can succeed, although this job fails"),
    "secrets": Key(parsers.names, "secret variables for steps without such a list of their own (default: all)"),
    "cache": Key(caches, "files that the job finds as an earlier run left them: `key`, `paths` and `restore_keys`"),
    "approve": Key(
        approve, "question that somebody has to say yes to first: `true`, a text, or `message` and `timeout`"
    ),
    "concurrency": Key(concurrency, "group of which one job runs at a time, or mapping of `group` and `cancel`"),
    "services": Key(services, "programs that run beside its steps, by name: `run`, `ready`, `ports`, `env`"),
    "max_parallel": Key(parsers.whole, "how many of its steps run at a time, by weight"),
    "priority": Key(
        parsers.whole, "priority among jobs that are ready: here, on a fleet, in the queue of a coordinator"
    ),
    **{key: Key(partial(sources.settings, prefix=key), "mapping of `type`, `url` and `ref`") for key in sources.KEYS},
    **_SOURCES,
    "artifacts": Key(
        artifacts, "mapping of `upload` (globs of files), `if_no_files`, `retention` and `download` (jobs)"
    ),
    "outputs": Key(outputs, "names of outputs that the job must have, or a mapping of names to STEP.OUTPUT"),
    "resources": Key(mapping, "`cpu` and `memory` of its container: a `limit` each"),
    "runs_on": Key(parsers.names, "labels of the worker"),
    "labels": Key(parsers.names, "the same as `runs_on`", same_as="runs_on"),
    "queue_timeout": Key(parsers.text, "time that the job may wait for a worker of a fleet"),
    "on_worker_loss": Key(
        parsers.text, "`retry` on another worker of a fleet, or `fail`, when the job's worker is lost"
    ),
    "working_dir": Key(parsers.text, "directory its command runs in"),
    "code_dir": Key(parsers.text, "directory the source is put into"),
    "job_dir": Key(parsers.text, "directory the job runs in"),
    **{key: Key(kind, text, remote=True) for key, (kind, text) in _REMOTE.items()},
}
"""The keys of a job in a workflow."""

_ONLY_OF_JOBS = {"name", "description", "steps", "command", "working_dir", "depends_on", "needs", "for_each", "matrix"}
_ONLY_OF_JOBS |= {"outputs", "artifacts", "defaults"}
DEFAULT_KEYS: Mapping[str, Key] = {key: declared for key, declared in JOB_KEYS.items() if key not in _ONLY_OF_JOBS}
"""The keys of a job that may be given for all jobs."""

NESTED_KEYS = ("job", "job_file", "extends")
"""Keys that may stand beside JOB_KEYS: a nested job, and the file that describes it."""

INCLUDED_KEYS = ("include", "defaults", "inputs", "jobs")
"""The keys of an included file."""

FILE_KEYS = (*NESTED_KEYS, "inputs", "on", "triggers", "paths")
"""The same for a job that is alone in its file, which says for which events it is meant."""
