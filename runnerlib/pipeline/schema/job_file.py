"""The schema of job files, in all three forms."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from runnerlib.pipeline.job_file import flat, sources
from runnerlib.pipeline.job_file import reactorcide as layout
from runnerlib.pipeline.job_file.file import TOP_KEYS
from runnerlib.pipeline.job_file.job import JOB_KINDS
from runnerlib.pipeline.schema import description
from runnerlib.pipeline.schema.value import IGNORED, definitions, mapping, value

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable


MARKS = {"job": description.TOP["job"], "command": description.FLAT["command"]}
"""Keys that say of which form a file is; an editor offers them for a file that has none yet."""


def job_schema() -> dict[str, Any]:
    """A file with `job`, one of `.reactorcide/jobs`, or the flat form with `command`."""
    top: dict[str, Any] = {"job": mapping(JOB_KINDS, description.JOB, ("steps",))}
    top |= {key: value(partial(sources.settings, prefix=key)) for key in TOP_KEYS if key in sources.KEYS}
    nested = {
        "properties": {key: {"description": description.TOP[key], **given} for key, given in top.items()},
        "additionalProperties": False,
        **IGNORED,
    }
    one_command = mapping(flat.KINDS, description.FLAT, ("command",))
    one_command["properties"] |= _elsewhere(flat.COORDINATOR)
    below_job = {"description": description.TOP["job"], "type": "object", "anyOf": _has(layout.marks_below_job())}
    below = {"properties": {"job": below_job}}
    beside = {"anyOf": [below, *_has(layout.marks_beside_job())]}
    return {
        "title": "runnerlib: a job",
        "type": "object",
        "properties": {key: {"description": text} for key, text in MARKS.items()},
        "if": {"required": ["job"]},
        "then": {"if": beside, "then": _layout(), "else": nested},
        "else": {
            "if": {"anyOf": _has(layout.marks_without_job())},
            "then": _layout(),
            "else": {**one_command, **IGNORED},
        },
        "$defs": definitions(),
    }


def _layout() -> dict[str, Any]:
    """Return the schema of a file of `.reactorcide/jobs`, with its keys at the top or below `job`."""
    descriptions = {**description.FLAT, **description.JOB, **description.TOP, **description.LAYOUT}
    inner = mapping({key: kind for key, kind in layout.KINDS.items() if key in descriptions}, descriptions)
    inner["properties"] |= _elsewhere(layout.ELSEWHERE)
    top = {**inner["properties"], **_elsewhere(layout.EVENTS)}
    top["job"] = {"description": description.TOP["job"], **inner}
    return {"properties": top, "additionalProperties": False, **IGNORED}


def _elsewhere(keys: Iterable[str]) -> dict[str, Any]:
    return {key: {"description": description.COORDINATOR} for key in keys}


def _has(keys: Collection[str]) -> list[dict[str, Any]]:
    return [{"required": [key]} for key in sorted(keys)]
