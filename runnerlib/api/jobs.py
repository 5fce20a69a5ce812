"""Running jobs and commands, and waiting for their end."""

from __future__ import annotations

import asyncio
import signal
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, overload

from runnerlib._util.cancellation import Stop
from runnerlib.api.call import call, check_names
from runnerlib.errors import ConfigError, RunnerError
from runnerlib.pipeline.job import Job, Step

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import Unpack

    from runnerlib.api.call import Directory, Task
    from runnerlib.config.keywords import SettingKeywords
    from runnerlib.events import Observer
    from runnerlib.events.result import JobResult, StepResult


def execute(
    task: Task,
    *,
    source_dir: Directory | None = None,
    artifacts_dir: Directory | None = None,
    workspace: Directory | None = None,
    observer: Observer | None = None,
    **settings: Unpack[SettingKeywords],
) -> JobResult:
    """Run `task` as `runnerlib run` would, and return its result, with those of its steps.

    `task` is a Job, a text that `sh -c` runs, or the words of a command that runs without a shell. It runs
    in `source_dir`, and writes its results to `artifacts_dir`. Both may be anywhere; relative paths are below
    the current directory, and `/job/…` means the workspace, wherever that is. A `source_dir` is used as it is:
    a source is prepared there only when the call itself has `source_type` or `git_url`. Without `source_dir`, the
    source of the configuration is used. `workspace` is the working area of the job (default: `/job` in a
    container, else `./job`); jobs of steps that run at the same time need separate ones.

    `settings` are those of the configuration, by name, times in seconds; they override environment and files.
    Output goes to `sys.stdout` and `sys.stderr`, with every secret masked, or as events to `observer`.

    Blocks until no process of the job is left. In the main thread the signals INT, TERM, HUP and QUIT stop the
    job; after its end the signal has its usual effect on the program: its handler is called, KeyboardInterrupt is
    raised, or the program ends. In other threads signals are not handled.

    Raises ConfigError for a wrong job or setting, before anything is started, and RunnerError when the runner
    itself fails, or an event loop runs in this thread. A failed step is no error, but part of the result.
    """
    refuse_in_a_loop()
    made = call(task, source_dir, artifacts_dir, workspace, observer, settings)
    with handed_on() as stop:
        return made.carry_out(stop)


@overload
def run_job(
    job: Job,
    *,
    command: None = None,
    source_dir: Directory | None = None,
    artifacts_dir: Directory | None = None,
    workspace: Directory | None = None,
    observer: Observer | None = None,
    **settings: Unpack[SettingKeywords],
) -> JobResult: ...


@overload
def run_job(
    job: None = None,
    *,
    command: str | Sequence[str],
    source_dir: Directory | None = None,
    artifacts_dir: Directory | None = None,
    workspace: Directory | None = None,
    observer: Observer | None = None,
    **settings: Unpack[SettingKeywords],
) -> int: ...


def run_job(
    job: Job | None = None,
    *,
    command: str | Sequence[str] | None = None,
    source_dir: Directory | None = None,
    artifacts_dir: Directory | None = None,
    workspace: Directory | None = None,
    observer: Observer | None = None,
    **settings: Unpack[SettingKeywords],
) -> JobResult | int:
    """Run a Job and return its JobResult, or run `command` and return its exit code.

    `execute` takes either, always returns a JobResult, and describes the arguments. Raises the same errors.
    """
    check_names(settings)
    task = command if job is None else job
    if task is None or (job is not None and (command is not None or not isinstance(job, Job))):
        raise ConfigError("run_job takes either a Job or command=, a text or a list of words")
    result = execute(
        task,
        source_dir=source_dir,
        artifacts_dir=artifacts_dir,
        workspace=workspace,
        observer=observer,
        **settings,
    )
    return result.exit_code if job is None else result


def run_step(
    step: Step,
    *,
    source_dir: Directory | None = None,
    artifacts_dir: Directory | None = None,
    workspace: Directory | None = None,
    observer: Observer | None = None,
    **settings: Unpack[SettingKeywords],
) -> StepResult:
    """Run `step` alone, without its dependencies and conditions; otherwise like `execute`.

    Returns the result of the step, and stores it in `step.result` as well.
    """
    if not isinstance(step, Step):
        raise ConfigError(f"run_step takes a Step, not a {type(step).__name__}")
    alone = step._replace(depends_on=(), when=None, condition=None)
    job = execute(
        Job(step.name, [alone]),
        source_dir=source_dir,
        artifacts_dir=artifacts_dir,
        workspace=workspace,
        observer=observer,
        **settings,
    )
    step.result = job.steps[0]
    return job.steps[0]


def refuse_in_a_loop() -> None:
    """Raise RunnerError when an event loop runs in this thread."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return
    raise RunnerError("this would block the event loop of this thread; use 'await runnerlib.execute_async(...)'")


@contextmanager
def handed_on() -> Iterator[Stop]:
    """Raise the signal that stopped the run again at the end of the block, for the program's own handler."""
    stop = Stop()
    try:
        yield stop
    finally:
        if stop.signum and threading.current_thread() is threading.main_thread():
            signal.raise_signal(stop.signum)
