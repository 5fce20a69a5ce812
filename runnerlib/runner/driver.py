"""Driver of a run: its stages one after the other in this thread, with an event loop and a watchdog for the steps."""

from __future__ import annotations

import asyncio
import signal
import threading
from contextlib import asynccontextmanager, contextmanager, nullcontext, suppress
from typing import TYPE_CHECKING, Any, Protocol, TypeVar, cast

from runnerlib._util.cancellation import Stop
from runnerlib._util.system import signal_name
from runnerlib.errors import Interrupted, OutputError, RunnerError
from runnerlib.executor.local import STOPPING, ProcessSupervisor
from runnerlib.runner.steps import Site
from runnerlib.runner.system_check import shortcomings
from runnerlib.secrets.process_registry import HERE
from runnerlib.secrets.socket import SecretServer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Collection, Coroutine, Iterator
    from contextlib import AbstractAsyncContextManager, AbstractContextManager
    from pathlib import Path
    from types import FrameType

    from runnerlib.engine import JobRun
    from runnerlib.events import Observer
    from runnerlib.events.result import JobResult
    from runnerlib.masking import SecretMasker
    from runnerlib.runner.plan import JobPlan

    LoopFactory = Callable[[], asyncio.AbstractEventLoop]
    MakeJob = Callable[[JobPlan, Site], JobRun]
    Warn = Callable[[str], None]
    from collections.abc import Callable


T = TypeVar("T")


class Driver(Protocol):
    """Carries out the stages of a run."""

    stop: Stop
    """Stops the run, from any thread."""
    loop_observer: Observer | None
    """Takes the events of steps, on their event loop; None for the observer of all other events."""
    warned: Collection[str]
    """Warnings that the caller of the run has sent already."""

    def around(self, masker: SecretMasker) -> AbstractContextManager[object]:
        """Enter what lasts for the whole run."""
        ...

    async def blocking(self, work: Callable[[], T]) -> T:
        """Return the result of work that may block."""
        ...

    async def until_stopped(self, work: Callable[[], T]) -> T:
        """Return the result of work that may block. Raises Interrupted once the run is stopped."""
        ...

    def provide(self, plan: JobPlan) -> None:
        """Put into the prepared workspace what does not come from its sources; may block."""

    async def execute(self, plan: JobPlan, make: MakeJob, masker: SecretMasker, warn: Warn) -> JobResult:
        """Run the steps of the job that `make` makes for a plan and its site."""
        ...


class ThisThread:
    """Driver of a run that has this thread to itself until its end: it blocks, and never waits for anything else."""

    def __init__(self, stop: Stop | None = None, new_loop: LoopFactory | None = None) -> None:
        self.stop = stop or Stop()
        self.loop_observer: Observer | None = None
        self.warned: Collection[str] = ()
        self._new_loop = new_loop

    @contextmanager
    def around(self, masker: SecretMasker) -> Iterator[None]:
        """Mask what this process knows to be secret, and let signals interrupt the block."""
        with HERE.followed_by(masker), interruptible(self.stop):
            yield

    async def blocking(self, work: Callable[[], T]) -> T:
        """Do the work."""
        return work()

    until_stopped = blocking  # signals interrupt it

    def provide(self, plan: JobPlan) -> None:
        """Do nothing: all comes from the sources."""

    async def execute(self, plan: JobPlan, make: MakeJob, masker: SecretMasker, warn: Warn) -> JobResult:
        """Run the steps on an event loop of their own."""
        with (
            interruptible(self.stop),  # uvloop leaves signal handlers behind that do nothing
            asyncio.Runner(loop_factory=self._new_loop or uvloop_factory()) as loop,
        ):
            return loop.run(self._execute(plan, make, masker, warn))

    async def _execute(self, plan: JobPlan, make: MakeJob, masker: SecretMasker, warn: Warn) -> JobResult:
        contained, user = plan.placement is not None, plan.placement and plan.placement.limits.stranger
        place = plan.workspace.own() if plan.is_bounded and not contained else None
        # The first process that joins a control group waits 10 ms for the kernel, which a single command would feel.
        async with (
            supervised(masker, warn, self.stop, user=user, cgroups=not plan.is_command, place=place) as here,
            self._site(plan, here) as site,
        ):
            job = make(plan.apart() if contained else plan, site)
            loop = asyncio.get_running_loop()
            if heeded() and any(step.tty for step in plan.job.steps):
                loop.add_signal_handler(signal.SIGWINCH, job.resize)
            with self.stop.reaching(loop, job.stop):
                return await job.run()

    def _site(self, plan: JobPlan, here: Site) -> AbstractAsyncContextManager[Site]:
        """Return where the steps run: on this machine, or in a container."""
        if plan.placement is None:
            return nullcontext(here)
        # Loaded only for jobs that run in a container.
        from runnerlib.runner.in_container import in_container

        return in_container(plan, here, self.stop)


@asynccontextmanager
async def supervised(
    masker: SecretMasker,
    warn: Warn,
    stop: Stop,
    *,
    user: int | None = None,
    cgroups: bool = True,
    place: Path | None = None,
) -> AsyncIterator[Site]:
    """Supervise the processes of a run, take secrets from them, and pass signals on to `stop`, on the running loop.

    `user` is that of processes in a container, if it is not the runner's. The socket is below `place`
    if it is given: a directory that steps in a sandbox cannot change, or they could put a socket of their own there.
    """
    server = SecretServer(
        lambda values: masker.register_secrets(values, "registered at run time"), user=user, place=place
    )
    with ProcessSupervisor(cgroups=cgroups) as supervisor:
        try:
            socket = await server.start()
            if lacking := shortcomings(server):
                warn(lacking)
            loop = asyncio.get_running_loop()
            for signum in heeded():
                loop.add_signal_handler(signum, stop.request, signum)
            with guarded(supervisor, warn):
                yield Site(supervisor, socket, socket.parent)
        finally:
            await server.close()


def finished(work: Coroutine[Any, Any, T]) -> T:
    """Return the result of `work`, which has `ThisThread` for its driver, so that nothing in it ever waits."""
    try:
        work.send(None)
    except StopIteration as done:
        return cast("T", done.value)
    work.close()
    raise AssertionError("a run in this thread waits for an event loop")


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


# Seconds between two tries where the system has no room for a process.
_PAUSE = 0.5


@contextmanager
def guarded(custody: ProcessSupervisor, warn: Callable[[str], object]) -> Iterator[None]:
    """Replace the watchdog of `custody` whenever it ends, on the running loop; only the first loss is reported."""
    watch = _Watch(custody, warn)
    watch.begin()
    try:
        yield
    finally:
        watch.end()


class _Watch:
    def __init__(self, custody: ProcessSupervisor, warn: Callable[[str], object]) -> None:
        self._custody = custody
        self._warn = warn
        self._loop = asyncio.get_running_loop()
        self._told: set[str] = set()
        self._watched = -1
        self._later: asyncio.TimerHandle | None = None

    def begin(self) -> None:
        self._watched = self._custody.watchdog_ended
        self._loop.add_reader(self._watched, self._replace)

    def end(self) -> None:
        if self._later is not None:
            self._later.cancel()
        if self._watched >= 0:
            self._loop.remove_reader(self._watched)
            self._watched = -1

    def _replace(self) -> None:
        self.end()
        try:
            self._custody.renew_watchdog()
        except RunnerError as error:
            self._tell(f"{error}; until there is one, what the job has started outlives a runner that is killed")
            self._later = self._loop.call_later(_PAUSE, self._replace)
        else:
            self.begin()
            self._tell("the guard of the job was ended, probably by a step; there is a new one")

    def _tell(self, text: str) -> None:
        if text not in self._told:
            self._told.add(text)
            with suppress(OutputError):  # the next event raises it again
                self._warn(text)
