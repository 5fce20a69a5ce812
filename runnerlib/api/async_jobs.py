"""Running jobs and commands from a program with an event loop."""

from __future__ import annotations

import asyncio
import contextvars
import threading
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING

from runnerlib._util.cancellation import Stop
from runnerlib.api.call import call

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Unpack

    from runnerlib.api.call import Call, Directory, Task
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
    ended = asyncio.get_running_loop().create_future()
    made = call(task, source_dir, artifacts_dir, workspace, observer, settings)
    work = contextvars.copy_context().run
    # A daemon thread: a program can exit without waiting for it, and the watchdog ends the processes of the job.
    thread = threading.Thread(target=work, args=(_work, made, stop, ended), name="runnerlib-job", daemon=True)
    thread.start()
    try:
        return await _outcome(ended, stop)
    finally:
        thread.join()


def _work(made: Call, stop: Stop, ended: asyncio.Future[JobResult]) -> None:
    """Run the call and settle the future, in the future's loop; a closed loop is ignored."""
    settle: Callable[[], object]
    try:
        settle = partial(ended.set_result, made.carry_out(stop))
    except BaseException as error:
        settle = partial(ended.set_exception, error)
    with suppress(RuntimeError):
        ended.get_loop().call_soon_threadsafe(settle)


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
