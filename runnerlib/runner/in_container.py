"""A job whose steps run in containers: the directories that it owns, its mounts and its environment."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from runnerlib._util.paths import OWN
from runnerlib.executor.container import INSIDE, ContainerSpec, contained
from runnerlib.runner.environment import without_private
from runnerlib.runner.steps import Site

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Coroutine, Mapping
    from pathlib import Path

    from runnerlib._util.cancellation import Stop
    from runnerlib.executor.protocol import Executor
    from runnerlib.runner.plan import JobPlan


@asynccontextmanager
async def in_container(plan: JobPlan, here: Site, stop: Stop) -> AsyncIterator[Site]:
    """Start the containers of a plan; yield the site of its steps there, from that of processes on this machine.

    The scratch directory is beside the secret socket, where no step can replace it by a link.
    Raises RunnerError, or its subclass Interrupted, when a container does not start.
    """
    assert plan.placement is not None  # noqa: S101 - else there is no container
    scratch = here.socket.parent / "scratch"
    scratch.mkdir(mode=0o700)
    hand_over(plan, scratch)
    specs = specs_of(plan, scratch, {here.socket: f"{INSIDE}/{OWN}/secrets"})
    stopped = asyncio.Event()

    async def unless_stopped(starting: Coroutine[None, None, None]) -> None:
        with stop.reaching(asyncio.get_running_loop(), lambda _signum: stopped.set()):
            await stop.unless(stopped, starting)

    async with contained(plan.placement.engine, specs, here.executor, unless_stopped) as inside:
        yield site_in(inside, here, scratch)


def site_in(inside: Executor, here: Site, scratch: Path) -> Site:
    """Return the site of steps in containers, with the directory of those that have none of their own."""
    return Site(inside, here.socket, scratch / "shared")


def specs_of(plan: JobPlan, scratch: Path, mounts: Mapping[Path, str]) -> list[ContainerSpec]:
    """Return the containers of a plan, that of the job first: one for each image, and each kind of bounds.

    A trusted CI source is mounted once more, read-only: a mount can be neither renamed nor removed in the container.
    """
    assert plan.placement is not None  # noqa: S101 - else there is no container
    base = plan.workspace.base
    trusted = {one.target: f"{INSIDE}/{one.target.relative_to(base)}" for one in plan.checkouts if one.trusted}
    spec = ContainerSpec(
        image=plan.placement.image,
        base=base,
        scratch=scratch / "shared",
        environ=without_private(plan.environ),
        mounts={**mounts, **trusted},
        shared=plan.workspace.granted,
        limits=plan.placement.limits,
    )
    if not plan.is_bounded:
        images = (*(step.image for step in plan.job.steps), *(service.image for service in plan.job.services))
        named = dict.fromkeys(image or spec.image for image in images)
        found = sorted((spec._replace(image=image) for image in named), key=lambda one: one.image != spec.image)
        return [one._replace(beside=bool(number and plan.job.services)) for number, one in enumerate(found)]
    # Loaded only by jobs with bounds.
    from runnerlib.runner.sandbox.containers import bounded_specs

    return bounded_specs(plan, spec)


def hand_over(plan: JobPlan, scratch: Path) -> None:
    """Give the directories of a job to the user of its containers, and make those in `scratch`. Raises RunnerError."""
    assert plan.placement is not None  # noqa: S101 - else there is no container
    base = plan.workspace.base
    plan.workspace.own("scratch")  # the mount point
    apart = [path for path in (plan.code_dir, plan.workspace.artifacts) if not path.is_relative_to(base)]
    (scratch / "shared").mkdir(mode=0o700)
    if plan.is_bounded:
        from runnerlib.runner.sandbox.handover import made  # for jobs with bounds

        made(scratch)
    # Files that a person works on stay theirs.
    for directory in (base, *scratch.iterdir(), *(path for path in apart if path != plan.workspace.tree)):
        plan.placement.limits.hand_over(directory)
