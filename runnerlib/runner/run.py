"""A run from its plan to its exit code: workspace, sources, the step on the event loop, signals."""

from __future__ import annotations

import asyncio
import math
import os
import signal
import stat
import threading
import time
from contextlib import contextmanager, nullcontext, suppress
from functools import partial
from typing import TYPE_CHECKING, Literal, Protocol

from runnerlib._util.cancellation import Stop
from runnerlib._util.paths import PLUGINS, opened_own
from runnerlib._util.signals import signal_name
from runnerlib.engine import JobExecution, JobRun, Limits
from runnerlib.errors import Interrupted, RunnerError, TimeLimitError
from runnerlib.events import Notice, Warned
from runnerlib.executor.local import STOPPING, ProcessSupervisor
from runnerlib.runner.system_check import shortcomings
from runnerlib.runner.watchdog_care import guarded
from runnerlib.secrets.process_registry import HERE
from runnerlib.secrets.socket import SecretServer
from runnerlib.source import forget_stored

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterator, Sequence
    from contextlib import AbstractAsyncContextManager
    from pathlib import Path
    from types import FrameType

    from runnerlib.engine import Around, Surroundings
    from runnerlib.events import Observer
    from runnerlib.events.result import JobResult
    from runnerlib.executor.protocol import Executor
    from runnerlib.masking import SecretMasker
    from runnerlib.pipeline.job import Step
    from runnerlib.runner.journal import Journal
    from runnerlib.runner.plan import JobPlan, RunPlan
    from runnerlib.runner.planner import Planner
    from runnerlib.triggers.sinks import Sink

    LoopFactory = Callable[[], asyncio.AbstractEventLoop]

Stage = Literal["pre_source_prep", "post_source_prep", "pre_execution"]
"""Stage of a run, named like the plugin phase that it triggers."""


class RunHooks(Protocol):
    """Hooks at the stages of a run; each may replace the plan. A RunnerError from a hook stops the run."""

    def reached(self, stage: Stage) -> None:
        """Called at each stage, outside of an event loop; what it changes is in the next plan of the planner."""

    def around(self) -> Around | None:
        """Return the hooks before and after each step; called inside the event loop."""


def run(
    planner: Planner[JobPlan],
    observer: Observer,
    new_loop: LoopFactory | None = None,
    stop: Stop | None = None,
    stages: RunHooks | None = None,
) -> JobResult:
    """Run the job of `planner` and return its result.

    All events go to `observer`, masked. Raises RunnerError when the runner itself fails and Interrupted when a
    signal stops it before the job has begun; a signal during the job gives a result. `new_loop` defaults to
    uvloop's. With `stop` a caller can stop the run, and see the signal that stopped it.
    """
    stop = stop or Stop()
    plan, masker = planner.plan(), planner.services.masker
    with HERE.followed_by(masker), interruptible(stop), journal_of(plan) as journal:
        warn(plan, masker, observer)
        plan = prepare_workspace(planner, journal, observer, stop, stages)
        stop.check()
        with asyncio.Runner(loop_factory=new_loop or uvloop_factory()) as loop:
            result = loop.run(_run(plan, masker, journal, observer, stop, stages))
        if stages is not None:
            return result
        with interruptible(stop):  # uvloop leaves signal handlers behind that do nothing
            return tell_triggers(plan, masker, result, observer)


def tell_triggers(
    plan: RunPlan, masker: SecretMasker, result: JobResult, observer: Observer, sinks: Sequence[Sink] = ()
) -> JobResult:
    """Deliver the follow-up jobs after the end of the job; return its final result.

    Most jobs have none, neither new ones nor undelivered ones. Blocks; errors go to `observer`. `sinks` are those of
    plugins.
    """
    try:
        spools = [plan.spool] if plan.is_command else _spools(plan)
    except RunnerError as error:
        from runnerlib.triggers.after_run import undelivered

        return undelivered(plan, masker.mask_string, result, [str(error)], observer.observe)
    if not any(map(os.path.lexists, spools)) and not os.path.lexists(plan.workspace.meant(plan.config.triggers_file)):
        return result
    from runnerlib.triggers.after_run import deliver

    return deliver(plan, masker.mask_string, spools, result, observer.observe, sinks)


def _spools(plan: RunPlan) -> list[Path]:
    """Return the spool files of this job's runs, oldest first; the caller must hold the workspace.

    A link or a directory of such a name does not count: a step has made it. Raises PathError when a step has
    replaced the directory of the spool files.
    """
    found: list[tuple[float, str]] = []
    with opened_own(plan.workspace.base) as own:
        for name in os.listdir(own) if own is not None else ():
            if name.startswith("triggers-") and name.endswith(".ndjson"):
                with suppress(FileNotFoundError):
                    status = os.stat(name, dir_fd=own, follow_symlinks=False)
                    if stat.S_ISREG(status.st_mode) or name == plan.spool.name:
                        found.append((status.st_mtime, name))
    return [plan.spool.with_name(name) for _, name in sorted(found)]


def _forget(spool: Path) -> None:
    try:
        spool.unlink(missing_ok=True)
    except OSError as error:
        raise RunnerError(f"cannot remove '{spool}': {error.strerror}") from None


def warn(plan: RunPlan, masker: SecretMasker, observer: Observer, told: Container[str] = ()) -> None:
    """Send the warnings of a plan to `observer`, except those in `told`, which were sent before."""
    for warning in plan.warnings:
        if warning not in told:
            observer.observe(Warned(masker.mask_string(warning)))


@contextmanager
def journal_of(plan: JobPlan) -> Iterator[Journal | None]:
    """Open the journal of a job of steps; a single command has none."""
    if plan.is_command:
        yield None
        return
    _make(plan.workspace.base)
    from runnerlib.runner.resume import open_journal

    journal = open_journal(plan, plan.wish)
    try:
        yield journal
    finally:
        journal.close()


def prepare_workspace(
    planner: Planner[JobPlan], journal: Journal | None, observer: Observer, stop: Stop, stages: RunHooks | None = None
) -> JobPlan:
    """Prepare the sources and directories of a job; return the plan to continue with. Raises RunnerError."""

    def report(text: str) -> None:
        stop.check()
        observer.observe(Notice(masker.mask_string(text)))

    plan, masker = planner.plan(), planner.services.masker
    report.check = _within(plan.job.timeout, stop)  # type: ignore[attr-defined]
    told = plan.warnings
    if journal is not None and journal.doubt:
        observer.observe(Warned(masker.mask_string(journal.doubt)))
    _make(plan.workspace.artifacts)
    if journal is not None and not journal.prepared:
        for spool in _spools(plan):
            if spool != plan.spool:
                _forget(spool)
    _reached("pre_source_prep", stages)
    _prepare(planner, journal, report)
    planner.read_awaited_job()
    plan = planner.plan()
    if stages is None and os.path.isdir(f"{plan.code_dir}/{PLUGINS}"):
        report(f"the plugins in '{plan.code_dir}/{PLUGINS}' are not loaded; see --trust-source-plugins")
    _reached("post_source_prep", stages)
    plan = planner.plan()
    if not plan.code_dir.exists():
        _make(plan.code_dir)
    _reached("pre_execution", stages)
    plan = planner.plan()
    # The source is in place now, and may hold a symlink at the path of the job's directory.
    plan.workspace.resolve(str(plan.job_dir), "job_dir")
    if plan.secrets is not None:
        from runnerlib.runner.secret_variables import check_lists  # few jobs list their secrets

        check_lists(plan.job, plan.env, plan.secrets, plan.config)
    warn(plan, masker, observer, told)
    return plan


def _within(limit: float | None, stop: Stop) -> Callable[[], None]:
    """Return a check that stops the preparation at a signal or at the job's time limit.

    The time limit starts again with the steps.
    """
    end = math.inf if limit is None else time.monotonic() + limit

    def check() -> None:
        stop.check()
        if time.monotonic() >= end:
            raise TimeLimitError(f"the job's time limit of {limit:g} s was over before its sources were prepared")

    return check


def _reached(stage: Stage, stages: RunHooks | None) -> None:
    if stages is not None:
        stages.reached(stage)


def _prepare(planner: Planner[JobPlan], journal: Journal | None, report: Callable[[str], None]) -> None:
    """Prepare the sources; when a job resumes, only the trusted one, because steps may have changed it."""
    going_on = journal is not None and journal.prepared
    plan = planner.plan()
    for checkout in plan.checkouts:
        if checkout.trusted or not going_on:
            # Not loaded before: only runs with a source replace a tree.
            from runnerlib.source import mounts as mounted

            mounted.prepare(planner.services.sources, checkout.spec, checkout.target, plan.workspace.base, report)
        else:
            report("going on in the workspace as it is; no source is prepared")
        if checkout.trusted:
            planner.add_ci_settings(checkout.target)
    if plan.checkouts:
        forget_stored()
    if journal is not None and not going_on:
        journal.record_prepared()


def _make(directory: Path) -> None:
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RunnerError(f"cannot create '{directory}': {error.strerror}") from None


async def _run(
    plan: JobPlan,
    masker: SecretMasker,
    journal: Journal | None,
    observer: Observer,
    stop: Stop,
    stages: RunHooks | None,
) -> JobResult:
    user = None
    if plan.engine is not None:
        from runnerlib.executor.container import stranger

        user = stranger()
        plan = plan.apart()
    server = SecretServer(lambda values: masker.register_secrets(values, "registered at run time"), user=user)
    # The first process that joins a control group waits 10 ms for the kernel, which a single command would feel.
    warn = partial(_warn, masker, observer)
    with ProcessSupervisor(cgroups=not plan.is_command) as custody:
        try:
            socket = await server.start()
            if lacking := shortcomings(server):
                warn(lacking)
            loop = asyncio.get_running_loop()
            for signum in heeded():
                loop.add_signal_handler(signum, stop.request, signum)
            async with _placed(plan, custody, socket, stop) as (starter, scratch):
                job = job_run(plan, masker, journal, observer, starter, socket, stages, scratch)
                if heeded() and any(step.tty for step in plan.job.steps):
                    loop.add_signal_handler(signal.SIGWINCH, job.resize)
                with guarded(custody, warn), stop.reaching(loop, job.stop):
                    return await job.run()
        finally:
            await server.close()


def _placed(
    plan: JobPlan, custody: ProcessSupervisor, socket: Path, stop: Stop
) -> AbstractAsyncContextManager[tuple[Executor, Path | None]]:
    """Return the executor of the steps, local or in a container, and its scratch directory, if any."""
    if plan.engine is None:
        return nullcontext((custody, None))
    # Loaded only for jobs that run in a container.
    from runnerlib.runner.in_container import in_container

    return in_container(plan, custody, socket, stop)


def job_run(
    plan: JobPlan,
    masker: SecretMasker,
    journal: Journal | None,
    observer: Observer,
    executor: Executor,
    socket: Path,
    stages: RunHooks | None = None,
    scratch: Path | None = None,
) -> JobRun:
    """Return the job of a plan, ready to run in its prepared workspace; `socket` is that of the secret server.

    `scratch` is a private directory of this job, by default the directory of the socket.
    """
    execution = _execution(plan, socket, scratch or socket.parent)
    if plan.conditions:
        execution = execution._replace(surroundings=_surroundings(plan, partial(_warn, masker, observer)))
    if journal is not None:
        from runnerlib.runner.resume import remembering

        execution = remembering(plan, masker, journal, execution, observer)
    if stages is not None:
        execution = execution._replace(around=stages.around())
    return JobRun(execution, executor, masker, observer)


def _execution(plan: JobPlan, socket: Path, scratch: Path) -> JobExecution:
    def directory(step: Step) -> Path:
        """Return the directory of a step, resolved at its start: an earlier step may have made or replaced it."""
        if step.working_dir is None and _is_real(plan.job_dir):
            return plan.job_dir
        text = step.working_dir or ""
        named = text if text.startswith("/") else f"{plan.job_dir}/{text}"
        return plan.workspace.resolve(named, f"working_dir of step '{step.name}'")

    return JobExecution(
        job=plan.job,
        env={**plan.env, "REACTORCIDE_SECRETS_SOCKET": str(socket)} if os.path.lexists(socket) else plan.env,
        directory=directory,
        scratch=scratch,
        conditions=plan.conditions,
        limits=Limits(plan.config.grace_period, plan.config.drain_timeout),
        cleanup=plan.config.cleanup_timeout,
        secrets=plan.secrets,
    )


def _is_real(directory: Path) -> bool:
    """Return whether the path of a directory contains no symbolic link, by the kernel's own path of it."""
    try:
        found = os.open(directory, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        return os.readlink(f"/proc/self/fd/{found}") == str(directory)
    finally:
        os.close(found)


def _warn(masker: SecretMasker, observer: Observer, text: str) -> None:
    observer.observe(Warned(masker.mask_string(text)))


def _surroundings(plan: JobPlan, warn: Callable[[str], None]) -> Surroundings:
    # Few jobs have conditions, and their context takes time to load.
    from runnerlib.runner import condition_context as world

    found = world.surroundings(plan.env, plan.job.name, world.repository_of(plan), warn)
    found.variables()  # before a step can change what is checked out
    return found


@contextmanager
def interruptible(stop: Stop) -> Iterator[None]:
    """Raise Interrupted at stop signals, until an event loop takes them over; see `Stop.patient`."""

    def interrupt(signum: int, _frame: FrameType | None) -> None:
        first, stop.signum = not stop.signum, stop.signum or signum
        if not (stop.patient and first):
            raise Interrupted(signum, signal_name(signum))

    before = {signum: signal.signal(signum, interrupt) for signum in heeded()}
    try:
        yield
    finally:
        for signum, handler in before.items():
            signal.signal(signum, handler)


def heeded() -> list[signal.Signals]:
    """Return the signals to act on: none outside the main thread, and none that the caller ignores (`nohup`)."""
    if threading.current_thread() is not threading.main_thread():
        return []
    return [signum for signum in STOPPING if signal.getsignal(signum) is not signal.SIG_IGN]


def uvloop_factory() -> LoopFactory:
    """Return the factory of the event loop that jobs run on."""
    import uvloop  # heavy: needed only once a step runs

    return uvloop.new_event_loop
