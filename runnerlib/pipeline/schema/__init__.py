"""JSON Schemas (draft 2020-12) of the files that users write, for their editors.

They derive from the declarations that the readers of these files use: what a reader accepts is valid. A schema cannot
express every check of a reader, for example that the names of steps differ. `job_file`, `workflow_file` and
`config_file` are the schemas, `project_file` is one of them as the keys of a file say, `value` those of single
values, and `description` the texts of keys.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from runnerlib.pipeline.schema.config_file import config_schema
from runnerlib.pipeline.schema.job_file import job_schema
from runnerlib.pipeline.schema.project_file import project_schema
from runnerlib.pipeline.schema.workflow_file import workflow_schema

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["SCHEMAS", "schema"]

SCHEMAS: Mapping[str, Callable[[], dict[str, Any]]] = {
    "job": job_schema,
    "workflow": workflow_schema,
    "config": config_schema,
    "project": project_schema,
}
"""The function that makes the schema of each kind of file."""


def schema(name: str) -> dict[str, Any]:
    """The schema of job, workflow, config or project files, as plain data."""
    head = {"$schema": "https://json-schema.org/draft/2020-12/schema", "$id": f"urn:runnerlib:schema:{name}"}
    return {**head, **SCHEMAS[name]()}
