"""A custody that starts steps in a container."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, cast

from runnerlib.executor.container.container import Container

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine

    from runnerlib.executor.container.container import ContainedProcess, Wish
    from runnerlib.executor.container.runtime import Engine
    from runnerlib.executor.local import ProcessSpec, ProcessSupervisor, Seen


@asynccontextmanager
async def contained(
    engine: Engine,
    wish: Wish,
    custody: ProcessSupervisor,
    patiently: Callable[[Coroutine[None, None, None]], Awaitable[None]],
) -> AsyncIterator[ProcessSupervisor]:
    """Run the block with a container that starts the steps; the container and everything in it end with the block.

    `patiently` waits for the container, which may have to be fetched. Raises RunnerError with what the engine says.
    """
    container = Container(engine, wish, custody)
    try:
        await patiently(container.start())
        yield cast("ProcessSupervisor", ContainerExecutor(custody, container))
    finally:
        await container.close()


class ContainerExecutor:
    """Starts steps in a container, and leaves everything else to the custody of the runner."""

    def __init__(self, custody: ProcessSupervisor, container: Container) -> None:
        self._custody = custody
        self._container = container
        self.room = custody.room

    def start(self, launch: ProcessSpec) -> ContainedProcess:
        """Start the process of a step. Raises as `ProcessSupervisor.start` does."""
        return self._container.start_step(launch)

    def strays(self) -> list[Seen]:
        """As the custody has it."""
        return self._custody.strays()

    def signal_strays(self, signum: int) -> None:
        """As the custody has it."""
        self._custody.signal_strays(signum)

    def reap_dead(self) -> None:
        """As the custody has it."""
        self._custody.reap_dead()
