"""Runs that go on without their dispatcher: at a signal it leaves them, unless the fleet wants them to stop."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from runnerlib._util.system import signal_name
from runnerlib.errors import Interrupted
from runnerlib.events import Warned
from runnerlib.runner.fleet.backend import FleetBackend

if TYPE_CHECKING:
    from runnerlib._util.cancellation import Stop
    from runnerlib.events import Observer
    from runnerlib.events.result import WorkflowResult
    from runnerlib.runner.workflow.backend import JobBackend
    from runnerlib.runner.workflow.scheduler import WorkflowRun


async def run_detachable(run: WorkflowRun, backend: JobBackend, stop: Stop, observer: Observer) -> WorkflowResult:
    """Run a workflow to its end. Raises Interrupted when a signal makes this process leave it before."""
    assert isinstance(backend, FleetBackend)  # noqa: S101 - only runs on a fleet are detached
    loop = asyncio.get_running_loop()
    running = loop.create_task(run.run())
    left = 0

    def leave(signum: int) -> None:
        nonlocal left
        if backend.is_cancelled:
            run.stop(signum)
        elif not left:
            left, backend.leaves = signum, True
            running.cancel()

    try:
        with stop.reaching(loop, leave):
            return await running
    except asyncio.CancelledError:
        if not left:
            raise
        text = f"run '{backend.run}' goes on; `runnerlib runs attach {backend.run}` comes back to it"
        observer.observe(Warned(text))
        raise Interrupted(left, signal_name(left)) from None
