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
    from collections.abc import AsyncIterator, Coroutine, Iterable, Mapping
    from pathlib import Path

    from runnerlib._util.cancellation import Stop
    from runnerlib.executor.protocol import Executor
    from runnerlib.pipeline.job import Step
    from runnerlib.pipeline.job.service import Service
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
        return _with_services(plan, spec) if plan.job.services else _of_images(plan.job.steps, spec)
    # Loaded only by jobs with bounds.
    from runnerlib.runner.sandbox.containers import bounded_specs

    return bounded_specs(plan, spec)


def _of_images(members: Iterable[Step | Service], spec: ContainerSpec) -> list[ContainerSpec]:
    """Return a container for each image, that of the job first."""
    named: dict[tuple[str, str], ContainerSpec] = {}
    for one in members:
        own = spec._replace(image=one.image or spec.image).limited(getattr(one, "resources", {}))
        named.setdefault((own.image, own.compartment), own)
    return sorted(named.values(), key=lambda one: one.image != spec.image)


def _with_services(plan: JobPlan, spec: ContainerSpec) -> list[ContainerSpec]:
    """Return the containers of steps and services: all have the network of the first, in which services have names."""
    own = [one for one in plan.job.services if one.run is None]
    first, *others = _of_images((*plan.job.steps, *(one for one in plan.job.services if one.run is not None)), spec)
    others += [
        spec._replace(
            image=one.image or spec.image,
            scratch=spec.scratch.with_name(one.compartment),
            mounts={},
            shared=(),
            compartment=one.compartment,
            of_service=True,
        )
        for one in own
    ]
    hosts = tuple(one.name for one in plan.job.services)
    return [first._replace(hosts=hosts), *(one._replace(beside=True) for one in others)]


def hand_over(plan: JobPlan, scratch: Path) -> None:
    """Give the directories of a job to the user of its containers, and make those in `scratch`. Raises RunnerError."""
    assert plan.placement is not None  # noqa: S101 - else there is no container
    base = plan.workspace.base
    plan.workspace.own("scratch")  # the mount point
    apart = [path for path in (plan.code_dir, plan.workspace.artifacts) if not path.is_relative_to(base)]
    (scratch / "shared").mkdir(mode=0o700)
    for service in plan.job.services:
        if service.run is None:  # the user of the image is not known yet; nobody else can enter `scratch`
            (scratch / service.compartment).mkdir()
            (scratch / service.compartment).chmod(0o777)
    if plan.is_bounded:
        from runnerlib.runner.sandbox.handover import made  # for jobs with bounds

        made(scratch)
    # Files that a person works on stay theirs.
    for directory in (base, *scratch.iterdir(), *(path for path in apart if path != plan.workspace.tree)):
        plan.placement.limits.hand_over(directory)
