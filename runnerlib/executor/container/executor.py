"""Executor that starts steps in containers: one for each image that the steps name, and each compartment."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from runnerlib._util.resources import limits_of
from runnerlib.executor.container.container import Container
from runnerlib.executor.container.program import ProgramContainer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Mapping, Sequence

    from runnerlib.executor.container.container import ContainedProcess
    from runnerlib.executor.container.options import ContainerSpec
    from runnerlib.executor.container.runtime import ContainerRuntime
    from runnerlib.executor.process_spec import ProcessInfo, ProcessSpec
    from runnerlib.executor.protocol import Executor


@asynccontextmanager
async def contained(
    engine: ContainerRuntime,
    specs: Sequence[ContainerSpec],
    local: Executor,
    patiently: Callable[[Coroutine[None, None, None]], Awaitable[None]],
) -> AsyncIterator[Executor]:
    """Run the block with containers that start the steps; these and everything in them end with the block.

    The first of `specs` is for steps that name no image. `patiently` waits for the containers, whose images may have
    to be fetched. Raises RunnerError with what the engine says.
    """
    first = Container(engine, specs[0], local)
    containers = {(specs[0].image, specs[0].compartment): first}
    for spec in specs[1:]:
        shared = first.name if spec.beside else ""
        kind = ProgramContainer if spec.of_service else Container
        containers[spec.image, spec.compartment] = kind(engine, spec, local, shared)

    async def start() -> None:
        for container in containers.values():
            await container.start()

    try:
        await patiently(start())
        yield ContainerExecutor(local, containers, specs[0].image)
    finally:
        for container in reversed(containers.values()):  # podman removes none that another one has the network of
            await container.close()


class ContainerExecutor:
    """Starts steps in containers; `local` starts the engine's clients, and knows how many there is room for."""

    def __init__(self, local: Executor, containers: Mapping[tuple[str, str], Container], image: str) -> None:
        self._local = local
        self._containers = containers
        self._image = image
        self.room = local.room

    def start(self, spec: ProcessSpec) -> ContainedProcess:
        """Start the process of a step. Raises as `Executor.start` does."""
        compartment = spec.compartment + (limits_of(spec.resources).compartment if spec.resources else "")
        return self._containers[spec.image or self._image, compartment].start_step(spec)

    def orphans(self) -> list[ProcessInfo]:
        """List the orphans among the engine's clients; those of steps end with their container."""
        return self._local.orphans()

    def signal_orphans(self, signum: int) -> None:
        """Signal each of `orphans`."""
        self._local.signal_orphans(signum)

    def reap_dead(self) -> None:
        """Collect dead clients; the first process of a container collects what steps leave there."""
        self._local.reap_dead()
