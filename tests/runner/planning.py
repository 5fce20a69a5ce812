"""Plans for tests, from settings."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from runnerlib._util.cancellation import Stop
from runnerlib._util.paths import Workspace
from runnerlib.config import Resolved
from runnerlib.events import Observer
from runnerlib.events.result import JobResult
from runnerlib.pipeline.job import Job
from runnerlib.runner.plan import JobPlan
from runnerlib.runner.planner import Planner, plan_job
from runnerlib.runner.request import RunRequest
from runnerlib.runner.run import ThisThread, finished, run_job
from runnerlib.runner.services import services_for
from runnerlib.secrets.lookup import SecretResolver


def planner(
    resolved: Resolved,
    words: Sequence[str],
    environ: Mapping[str, str],
    cwd: Path,
    job: Job | None = None,
    *,
    workspace: Workspace | None = None,
    resolver: SecretResolver | None = None,
    may_grow: bool = False,
) -> Planner[JobPlan]:
    """A planner of a job, with services of its own."""
    services = services_for(resolved, resolver)
    services.sources.may_grow = may_grow
    return Planner(RunRequest(resolved, words, environ, cwd, job, workspace=workspace), services, plan_job)


def run(
    made: Planner[JobPlan],
    observer: Observer,
    new_loop: Callable[[], asyncio.AbstractEventLoop] | None = None,
    stop: Stop | None = None,
) -> JobResult:
    """Run the job in this thread, without plugins."""
    return finished(run_job(made, None, ThisThread(stop, new_loop), observer))
