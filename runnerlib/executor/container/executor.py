"""Executor that starts steps in a container."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from runnerlib.executor.container.container import Container

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine

    from runnerlib.executor.container.container import ContainedProcess, ContainerSpec
    from runnerlib.executor.container.runtime import Engine
    from runnerlib.executor.process_spec import ProcessInfo, ProcessSpec
    from runnerlib.executor.protocol import Executor


@asynccontextmanager
async def contained(
    engine: Engine,
    wish: ContainerSpec,
    local: Executor,
    patiently: Callable[[Coroutine[None, None, None]], Awaitable[None]],
) -> AsyncIterator[Executor]:
    """Run the block with a container that starts the steps; the container and everything in it end with the block.

    `patiently` waits for the container, which may have to be fetched. Raises RunnerError with what the engine says.
    """
    container = Container(engine, wish, local)
    try:
        await patiently(container.start())
        yield ContainerExecutor(local, container)
    finally:
        await container.close()


class ContainerExecutor:
    """Starts steps in a container, and leaves everything else to the executor that starts the engine's clients."""

    def __init__(self, local: Executor, container: Container) -> None:
        self._local = local
        self._container = container
        self.room = local.room

    def start(self, spec: ProcessSpec) -> ContainedProcess:
        """Start the process of a step. Raises as `Executor.start` does."""
        return self._container.start_step(spec)

    def orphans(self) -> list[ProcessInfo]:
        """As the local executor has it."""
        return self._local.orphans()

    def signal_orphans(self, signum: int) -> None:
        """As the local executor has it."""
        self._local.signal_orphans(signum)

    def reap_dead(self) -> None:
        """As the local executor has it."""
        self._local.reap_dead()
