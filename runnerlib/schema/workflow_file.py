"""The schema of workflow files: `workflow:`, the form of `.reactorcide/workflows`, or a single job."""

from __future__ import annotations

from typing import Any

from runnerlib.job_file import kinds
from runnerlib.schema.value import IGNORED, definitions, mapping, value
from runnerlib.workflow import keys
from runnerlib.workflow.keys import FILE_KEYS, JOB_KEYS, NESTED_KEYS, WORKFLOW_KEYS, Key

Schema = dict[str, Any]

_ENTRY: Schema = {"$ref": "#/$defs/entry"}


def workflow_schema() -> Schema:
    """A file of jobs that wait for each other, or of one."""
    below = mapping({"workflow": keys.value})
    below["properties"]["workflow"] = {"$ref": "#/$defs/workflow"}
    return {
        "title": "runnerlib: a workflow",
        "type": "object",
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
    """What stands under a key. The jobs of a workflow are read one by one, so their kind says nothing of them."""
    if key == "jobs":
        return {"anyOf": [{"type": "array", "items": _ENTRY}, {"type": "object", "additionalProperties": _ENTRY}]}
    return value(entry.kind)


def _job(*, alone: bool) -> Schema:
    found = _keyed(JOB_KEYS)
    more: dict[str, Schema] = {"job": {"$ref": "#/$defs/job"}, "job_file": value(kinds.text)}
    names = FILE_KEYS if alone else NESTED_KEYS
    found["properties"] |= {key: more.get(key) or _value(key, WORKFLOW_KEYS[key]) for key in names}
    return {**found, **IGNORED}
