"""A job whose steps run in a container: the directories that it owns, its mounts and its environment."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from runnerlib._util.paths import OWN
from runnerlib.executor.container import INSIDE, ContainerSpec, contained, hand_over
from runnerlib.runner.environment import without_private
from runnerlib.runner.steps import Site

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Coroutine

    from runnerlib._util.cancellation import Stop
    from runnerlib.runner.plan import JobPlan


@asynccontextmanager
async def in_container(plan: JobPlan, here: Site, stop: Stop) -> AsyncIterator[Site]:
    """Start the container of a plan; yield the site of its steps there, from that of processes on this machine.

    The scratch directory is beside the secret socket, where no step can replace it by a link.
    Raises RunnerError, or its subclass Interrupted, when the container does not start.
    """
    assert plan.engine is not None  # noqa: S101 - else there is no container
    scratch = here.socket.parent / "scratch"
    scratch.mkdir(mode=0o700)
    base = plan.workspace.base
    plan.workspace.own("scratch")  # the mount point
    apart = [path for path in (plan.code_dir, plan.workspace.artifacts) if not path.is_relative_to(base)]
    # Files that a person works on stay theirs.
    for directory in (base, scratch, *(path for path in apart if path != plan.workspace.tree)):
        hand_over(directory)
    wish = ContainerSpec(
        image=plan.image or "",
        base=base,
        scratch=scratch,
        environ=without_private(plan.environ),
        mounts={here.socket: f"{INSIDE}/{OWN}/secrets"},
        shared=plan.workspace.granted,
    )
    stopped = asyncio.Event()

    async def unless_stopped(starting: Coroutine[None, None, None]) -> None:
        with stop.reaching(asyncio.get_running_loop(), lambda _signum: stopped.set()):
            await stop.unless(stopped, starting)

    async with contained(plan.engine, wish, here.executor, unless_stopped) as inside:
        yield Site(inside, here.socket, scratch)
