"""Running jobs from Python: what `runnerlib run` does, for a script that has steps of its own."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from runnerlib.audience import audience
from runnerlib.config import read
from runnerlib.job import Job, Step
from runnerlib.plan import plan_run
from runnerlib.runner import run

if TYPE_CHECKING:
    from runnerlib.events import Observer
    from runnerlib.result import JobResult, StepResult


def run_job(job: Job, *, observer: Observer | None = None, **settings: object) -> JobResult:
    """Run `job` as `runnerlib run --job-file` would, and return how it and each of its steps ended.

    `settings` are those of the configuration, by name; they win over environment and files. What
    happens is shown on stdout and stderr, or told to `observer`. Blocks until the job has ended.
    Raises ConfigError for a wrong job or setting and RunnerError when the runner itself fails; a step
    that fails is a result.
    """
    plan = plan_run(read(settings, os.environ), (), os.environ, Path.cwd(), job)
    if observer is not None:
        return run(plan, observer)
    with audience(plan, os.environ) as listener:
        return run(plan, listener)


def run_step(step: Step, *, observer: Observer | None = None, **settings: object) -> StepResult:
    """Run `step` alone, whatever it depends on; the result is in `step.result` as well. Otherwise like `run_job`."""
    alone = step._replace(depends_on=(), when=None, condition=None)
    result = run_job(Job(step.name, [alone]), observer=observer, **settings).steps[0]
    step.result = result
    return result
