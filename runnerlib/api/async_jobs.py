"""Running jobs and commands from a program with an event loop."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING

from runnerlib._util.cancellation import Stop
from runnerlib._util.threads import future_of
from runnerlib.api.call import call

if TYPE_CHECKING:
    from typing import Unpack

    from runnerlib.api.call import Directory, Task
    from runnerlib.config.keywords import SettingKeywords
    from runnerlib.events import Observer
    from runnerlib.events.result import JobResult


async def execute_async(
    task: Task,
    *,
    source_dir: Directory | None = None,
    artifacts_dir: Directory | None = None,
    workspace: Directory | None = None,
    observer: Observer | None = None,
    **settings: Unpack[SettingKeywords],
) -> JobResult:
    """Run a job as `execute` does, without blocking the running event loop.

    The job has its own thread and event loop; `observer` is called in that thread. Signals are left to the
    caller's loop. When the task that awaits this is cancelled, the job is stopped as by SIGTERM, and
    CancelledError is raised once no process of it is left; a second cancellation kills all its processes at
    once. The preparation of a source is stopped as well, and the target keeps its old content.
    Raises the same errors as `execute`.
    """
    stop = Stop()
    made = call(task, source_dir, artifacts_dir, workspace, observer, settings)
    # A daemon thread: a program can exit without waiting for it, and the watchdog ends the processes of the job.
    thread, ended = future_of(partial(made.carry_out, stop), asyncio.get_running_loop(), "runnerlib-job")
    try:
        return await _outcome(ended, stop)
    finally:
        thread.join()


async def _outcome(ended: asyncio.Future[JobResult], stop: Stop) -> JobResult:
    """Wait for the result; if this task is cancelled, stop the job and wait for its end."""
    cancelled: asyncio.CancelledError | None = None
    while not ended.done():
        try:
            await asyncio.wait([ended])
        except asyncio.CancelledError as error:
            cancelled = cancelled or error
            stop.request()
    if cancelled is not None:
        ended.exception()  # marks it as retrieved, so that asyncio does not log it
        raise cancelled
    return ended.result()
