"""The schema of workflow files: `workflow:`, the form of `.reactorcide/workflows`, or a single job."""

from __future__ import annotations

from typing import Any

from runnerlib.pipeline.job_file import parsers
from runnerlib.pipeline.schema.value import IGNORED, JOB_WORDS, definitions, known, value
from runnerlib.pipeline.workflow.file_keys import FILE_KEYS, JOB_KEYS, NESTED_KEYS, WORKFLOW_KEYS, Key

Schema = dict[str, Any]

_ENTRY: Schema = {"$ref": "#/$defs/entry"}


MARKS = {"jobs": WORKFLOW_KEYS["jobs"].help, "workflow": "the workflow, if its keys do not stand at the top"}
"""Keys that say of which form a file is; an editor offers them for a file that has none yet."""


def workflow_schema() -> Schema:
    """A file of jobs that wait for each other, or of one."""
    below = {
        "type": "object",
        "properties": {"workflow": {"description": MARKS["workflow"], "$ref": "#/$defs/workflow"}},
        "additionalProperties": False,
    }
    return {
        "title": "runnerlib: a workflow",
        "type": "object",
        "properties": {key: {"description": text} for key, text in MARKS.items()},
        "if": {"required": ["workflow"]},
        "then": {**below, **IGNORED},
        "else": {"if": {"required": ["jobs"]}, "then": {"$ref": "#/$defs/workflow"}, "else": _job(alone=True)},
        "$defs": {
            **definitions(),
            "workflow": {**_keyed(WORKFLOW_KEYS), "required": ["jobs"], **IGNORED},
            "entry": _job(alone=False),
            "job": _keyed(JOB_KEYS),
        },
    }


def _keyed(declared: dict[str, Key] | Any) -> Schema:
    properties = {key: {"description": entry.help, **_value(key, entry)} for key, entry in declared.items()}
    return {"type": "object", "properties": properties, "additionalProperties": False}


def _value(key: str, entry: Key) -> Schema:
    """Return the schema of the value of a key.

    The jobs of a workflow are read one by one, so their kind does not describe them.
    """
    if key == "jobs":
        return {"anyOf": [{"type": "array", "items": _ENTRY}, {"type": "object", "additionalProperties": _ENTRY}]}
    return known(key, value(entry.kind), JOB_WORDS)


def _job(*, alone: bool) -> Schema:
    found = _keyed(JOB_KEYS)
    more: dict[str, Schema] = {
        "job": {"description": "the keys of the job, if they do not stand beside it", "$ref": "#/$defs/job"},
        "extends": {"description": "names of jobs whose keys this one has, too", **value(parsers.names)},
        "job_file": {"description": "file with what is not said here", **value(parsers.text)},
    }
    for key in FILE_KEYS if alone else NESTED_KEYS:
        entry = WORKFLOW_KEYS.get(key)
        found["properties"][key] = more[key] if entry is None else {"description": entry.help, **_value(key, entry)}
    return {**found, **IGNORED}
