"""The schema of the file of a project, `runnerlib.yaml`: a job, a workflow or settings, as its keys say."""

from __future__ import annotations

from typing import Any

from runnerlib.pipeline.schema.config_file import config_schema
from runnerlib.pipeline.schema.job_file import job_schema
from runnerlib.pipeline.schema.workflow_file import workflow_schema

WORKFLOW_MARKS = ("jobs", "workflow")
JOB_MARKS = ("command", "job", "steps")
"""Keys that say alone of which kind a file is."""


def project_schema() -> dict[str, Any]:
    """A file of any kind; while it has none of the keys that decide, all of them are offered."""
    job, workflow = job_schema(), workflow_schema()
    settings = config_schema("#/$defs/settings")
    definitions = {**job.pop("$defs"), **workflow.pop("$defs"), "settings": settings}
    settings["properties"] |= {**job["properties"], **workflow["properties"]}
    return {
        "title": "runnerlib: a job, a workflow or settings",
        "type": "object",
        "if": _has(WORKFLOW_MARKS),
        "then": workflow,
        "else": {"if": _has(JOB_MARKS), "then": job, "else": {"$ref": "#/$defs/settings"}},
        "$defs": definitions,
    }


def _has(keys: tuple[str, ...]) -> dict[str, Any]:
    return {"anyOf": [{"required": [key]} for key in keys]}
