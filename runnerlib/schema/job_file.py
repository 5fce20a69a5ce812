"""The schema of job files, in both forms."""

from __future__ import annotations

from functools import partial
from typing import Any

from runnerlib.job_file import flat, sources
from runnerlib.job_file.definition import JOB_KINDS
from runnerlib.job_file.file import TOP_KEYS
from runnerlib.schema import description
from runnerlib.schema.value import IGNORED, definitions, mapping, value


def job_schema() -> dict[str, Any]:
    """A file with `job`, or the flat form with `command`."""
    top: dict[str, Any] = {"job": mapping(JOB_KINDS, description.JOB, ("steps",))}
    top |= {key: value(partial(sources.settings, prefix=key)) for key in TOP_KEYS if key in sources.KEYS}
    nested = {
        "properties": {key: {"description": description.TOP[key], **given} for key, given in top.items()},
        "additionalProperties": False,
        **IGNORED,
    }
    one_command = mapping(flat.KINDS, description.FLAT, ("command",))
    one_command["properties"] |= {key: {"description": description.COORDINATOR} for key in flat.COORDINATOR}
    return {
        "title": "runnerlib: a job",
        "type": "object",
        "if": {"required": ["job"]},
        "then": nested,
        "else": {**one_command, **IGNORED},
        "$defs": definitions(),
    }
