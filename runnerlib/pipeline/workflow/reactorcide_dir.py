"""The layout of Reactorcide: workflows and jobs below `.reactorcide` in the trusted source."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from runnerlib.errors import ConfigError
from runnerlib.pipeline.workflow.file import LAYOUT, load, load_job

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from runnerlib.pipeline.workflow.job import WorkflowJob
    from runnerlib.pipeline.workflow.model import Workflow


class Layout(NamedTuple):
    """Contents of the layout, in the order of file names; `errors` has a text for each file left out."""

    workflows: tuple[Workflow, ...]
    jobs: tuple[WorkflowJob, ...]
    errors: tuple[str, ...]


def load_layout(root: Path) -> Layout:
    """Read `.reactorcide/workflows/*.yaml` and `.reactorcide/jobs/*.yaml` below `root`, not recursively.

    A file with errors is left out and reported in `errors`. A directory that does not exist holds nothing.
    """
    errors: list[str] = []
    workflows: list[Workflow] = []
    jobs: list[WorkflowJob] = []
    for path in _files(root, "workflows"):
        try:
            workflows.append(load(path))
        except ConfigError as error:
            errors.append(str(error))
    for path in _files(root, "jobs"):
        try:
            jobs.append(load_job(path))
        except ConfigError as error:
            errors.append(str(error))
    return Layout(tuple(workflows), tuple(jobs), tuple(errors))


def _files(root: Path, kind: str) -> Iterator[Path]:
    """The YAML and JSON files of a directory, by name; links that lead out of `root` are none of its files."""
    directory = root / LAYOUT / kind
    if not directory.is_dir():
        return
    inside = root.resolve()
    for path in sorted(directory.iterdir()):
        if path.suffix in {".yaml", ".yml"} and path.is_file() and path.resolve().is_relative_to(inside):
            yield path
