"""The schema of job files, in both forms."""

from __future__ import annotations

from functools import partial
from typing import Any

from runnerlib.job_file import flat, sources
from runnerlib.job_file.definition import JOB_KINDS
from runnerlib.job_file.file import TOP_KEYS
from runnerlib.schema.value import ANYTHING, IGNORED, definitions, mapping, value


def job_schema() -> dict[str, Any]:
    """A file with `job`, or the flat form with `command`."""
    top = {key: value(partial(sources.settings, prefix=key)) for key in TOP_KEYS if key in sources.KEYS}
    nested = {
        "properties": {"job": mapping(JOB_KINDS, ("steps",)), **top},
        "additionalProperties": False,
        **IGNORED,
    }
    one_command = mapping(flat.KINDS, ("command",))
    one_command["properties"] |= dict.fromkeys(flat.COORDINATOR, ANYTHING)
    return {
        "title": "runnerlib: a job",
        "type": "object",
        "if": {"required": ["job"]},
        "then": nested,
        "else": {**one_command, **IGNORED},
        "$defs": definitions(),
    }
