"""Text for a user who runs the jobs of a workflow one by one; pure."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


class NextJob(NamedTuple):
    """A job that comes next: its dependencies, whether all have ended, and why it is to run."""

    name: str
    waits_for: Sequence[str] = ()
    complete: bool = True
    reason: str = ""


def next_jobs(jobs: Sequence[NextJob], command: Callable[[str], str]) -> str:
    """The lines that name `jobs`, and the command for each of them."""
    if not jobs:
        return ""
    listed = "".join(f"  → {job.name}{_why(job)}\n" for job in jobs)
    commands = "".join(f"  $ {command(job.name)}\n" for job in jobs)
    return f"📋 Next jobs to run:\n{listed}\nRun the next job:\n{commands}"


def run_command(job: str, workflow_file: str = "pipeline.yaml") -> str:
    """The command that runs a job of a workflow file alone."""
    return f"python -m runnerlib.cli run --job {shlex.quote(job)} --workflow-file {shlex.quote(workflow_file)}"


def _why(job: NextJob) -> str:
    if job.waits_for:
        state = "all complete" if job.complete else "not all complete"
        return f" (waiting on: {', '.join(job.waits_for)} - {state})"
    return f" ({job.reason})" if job.reason else ""
