"""A run of a workflow from its plan to its result: workspace, event loop, signals."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager, nullcontext
from functools import partial
from typing import TYPE_CHECKING

from runnerlib._util.cancellation import Stop
from runnerlib.errors import RunnerError
from runnerlib.events import Notice, Warned
from runnerlib.pipeline.workflow import condition_of
from runnerlib.runner.supervision import check_system, interruptible, supervised, uvloop_factory
from runnerlib.runner.workflow.artifacts import remove_expired
from runnerlib.runner.workflow.local_backend import LocalBackend
from runnerlib.runner.workflow.resume import ResumeState
from runnerlib.runner.workflow.scheduler import WorkflowRun
from runnerlib.runner.workflow.status_records import directory_of, forget
from runnerlib.secrets.process_registry import HERE
from runnerlib.source import taken_from_files
from runnerlib.source.git_query import Head

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from contextlib import AbstractContextManager
    from pathlib import Path

    from runnerlib.events import Observer
    from runnerlib.events.result import WorkflowResult
    from runnerlib.pipeline.surroundings import Surroundings
    from runnerlib.runner.steps import Site
    from runnerlib.runner.supervision import LoopFactory
    from runnerlib.runner.workflow.backend import JobBackend
    from runnerlib.runner.workflow.plan import WorkflowPlan


def run_planned(
    plan: WorkflowPlan, observer: Observer, new_loop: LoopFactory | None = None, stop: Stop | None = None
) -> WorkflowResult:
    """Run `plan` and return the result of its workflow.

    All events go to `observer`, masked. Raises RunnerError when the runner itself fails and Interrupted when a
    signal stops it before the first job has begun; a later signal gives a result.
    """
    stop = stop or Stop()
    check_system(threads=True)
    base = plan.front.workspace.base
    try:
        base.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RunnerError(f"cannot create '{base}': {error.strerror}") from None
    fetching = any(job.checkouts for job in plan.plans.values())
    with (
        HERE.followed_by(plan.masker),
        interruptible(stop),
        taken_from_files() if fetching else nullcontext(),
        _turn(plan, observer, stop),
    ):
        memory = ResumeState(plan)
        try:
            with asyncio.Runner(loop_factory=new_loop or uvloop_factory()) as loop:
                return loop.run(_run(plan, memory, observer, stop))
        finally:
            memory.close()


def _turn(plan: WorkflowPlan, observer: Observer, stop: Stop) -> AbstractContextManager[None]:
    """Wait for the turn of a workflow that is in a concurrency group, and have it for the block."""
    if plan.workflow.concurrency is None:
        return nullcontext()
    from runnerlib.runner.concurrency import group_of_workflow  # few workflows are in a group

    mask, group = plan.masker.mask_string, group_of_workflow(plan, plan.workflow.concurrency)
    return group.entered(
        stop, lambda text: observer.observe(Notice(mask(text))), lambda text: observer.observe(Warned(mask(text)))
    )


async def _run(plan: WorkflowPlan, memory: ResumeState, observer: Observer, stop: Stop) -> WorkflowResult:
    records = directory_of(plan.front.workspace)
    forget(records, {*memory.kept, *memory.left_out})
    remove_expired(plan.front.workspace.artifacts, plan.instances.values())

    def warn(text: str) -> None:
        observer.observe(Warned(plan.masker.mask_string(text)))

    if memory.doubt:
        warn(memory.doubt)
    place = plan.front.workspace.own() if any(job.is_bounded for job in plan.plans.values()) else None
    users = (job.placement.limits.stranger for job in plan.plans.values() if job.placement is not None)
    user = next(users, None)
    async with supervised(plan.masker, warn, stop, user=user, place=place) as site:
        surroundings = surroundings_of(plan, warn)
        _look_first(plan, surroundings)
        async with backend_of(plan, site, records, stop) as backend:
            run = WorkflowRun(plan, memory, backend, surroundings, observer, records)
            if plan.front.config.detach:
                from runnerlib.runner.fleet.detaching import run_detachable

                return await run_detachable(run, backend, stop, observer)
            with stop.reaching(asyncio.get_running_loop(), run.stop):
                return await run.run()


@asynccontextmanager
async def backend_of(plan: WorkflowPlan, site: Site, records: Path, stop: Stop) -> AsyncIterator[JobBackend]:
    """Choose where the jobs run: on this machine, or on a fleet. Raises ConfigError and FleetError."""
    if plan.front.config.fleet is None:
        yield LocalBackend(plan, site, records)
        return
    from runnerlib.runner.fleet.backend import fleet_backend

    async with fleet_backend(plan, records, stop) as backend:
        yield backend


def surroundings_of(plan: WorkflowPlan, warn: Callable[[str], None]) -> Surroundings:
    """Return the context that conditions of jobs can read, resolved on first use."""
    from runnerlib.runner import condition_context

    asked = partial(_asked_for, plan, warn) if plan.source is not None else None
    about = condition_context.repository_of(plan.front)
    return condition_context.surroundings(plan.front.env, plan.workflow.name, about, warn, asked)


def _look_first(plan: WorkflowPlan, surroundings: Surroundings) -> None:
    """Find the changed files, if a condition asks for them, before a job could change where they are fetched from."""
    conditions = [condition_of(job) for job in plan.workflow.jobs]
    if any(condition is not None and "changed" in condition.functions for condition in conditions):
        surroundings.changed("")


def _asked_for(plan: WorkflowPlan, warn: Callable[[str], None]) -> Head:
    """Return the branch or tag that the common source is requested by, as its repository knows it."""
    assert plan.source is not None  # noqa: S101 - see `surroundings_of`
    try:
        from runnerlib.source.git_query.requested_ref import asked_for

        named: Head = asked_for(plan.source)
    except RunnerError as error:
        warn(f"the branch is not known: {error}")
        return Head()
    return named
