"""A run from its plan to its exit code: workspace, sources, the step on the event loop, signals."""

from __future__ import annotations

import asyncio
import signal
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

from runnerlib.engine import Limits, StepRun
from runnerlib.errors import Interrupted, RunnerError
from runnerlib.events import Notice, Warned
from runnerlib.job import StepResult, signal_name
from runnerlib.process import STOPPING
from runnerlib.secret_socket import SecretServer
from runnerlib.source import prepare

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path
    from types import FrameType

    from runnerlib.events import Observer
    from runnerlib.plan import RunPlan

    LoopFactory = Callable[[], asyncio.AbstractEventLoop]


def run(plan: RunPlan, observer: Observer, new_loop: LoopFactory | None = None) -> StepResult:
    """Carry out `plan` and return how its step ended.

    Everything is told to `observer`, masked. Raises RunnerError when the runner itself fails and
    Interrupted when a signal stops it before the step has begun; a signal during the step is a
    result. `new_loop` defaults to uvloop's.
    """
    for warning in plan.warnings:
        observer.observe(Warned(plan.masker.mask_string(warning)))
    with _interruptible():
        _prepare(plan, lambda text: observer.observe(Notice(plan.masker.mask_string(text))))
        with asyncio.Runner(loop_factory=new_loop or _uvloop()) as loop:
            return loop.run(_execute(plan, observer))


def _prepare(plan: RunPlan, report: Callable[[str], None]) -> None:
    _make(plan.workspace.artifacts)
    for checkout in plan.checkouts:
        prepare(checkout.spec, checkout.target, report)
    if not plan.code_dir.exists():
        _make(plan.code_dir)
    # The source is there now and may have put a symlink where the directory of the job is to be.
    plan.workspace.resolve(str(plan.step.cwd), "job_dir")


def _make(directory: Path) -> None:
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RunnerError(f"cannot create '{directory}': {error.strerror}") from None


async def _execute(plan: RunPlan, observer: Observer) -> StepResult:
    server = SecretServer(plan.masker.register_secrets)
    try:
        variables = {**plan.step.env, "REACTORCIDE_SECRETS_SOCKET": str(await server.start())}
        step = StepRun(plan.step._replace(env=variables), plan.masker, observer, Limits(plan.grace, plan.drain))
        loop = asyncio.get_running_loop()
        for signum in _heeded():
            loop.add_signal_handler(signum, step.stop, signum)
        return await step.run()
    finally:
        await server.close()


@contextmanager
def _interruptible() -> Iterator[None]:
    """Signals that ask to stop raise Interrupted, until an event loop takes them over."""

    def interrupt(signum: int, _frame: FrameType | None) -> None:
        raise Interrupted(signum, signal_name(signum))

    before = {signum: signal.signal(signum, interrupt) for signum in _heeded()}
    try:
        yield
    finally:
        for signum, handler in before.items():
            signal.signal(signum, handler)


def _heeded() -> list[signal.Signals]:
    """The signals to act on: none outside the main thread, and none the caller chose to ignore (`nohup`)."""
    if threading.current_thread() is not threading.main_thread():
        return []
    return [signum for signum in STOPPING if signal.getsignal(signum) is not signal.SIG_IGN]


def _uvloop() -> LoopFactory:
    import uvloop  # heavy: needed only once a step runs

    return uvloop.new_event_loop
