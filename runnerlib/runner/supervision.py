"""Supervision of a run: its processes, the secret socket, signals, the watchdog, and the system's shortcomings."""

from __future__ import annotations

import _thread
import asyncio
import os
import signal
import socket
import threading
from contextlib import asynccontextmanager, contextmanager, suppress
from typing import TYPE_CHECKING, Any, TypeVar, cast

from runnerlib._util.system import signal_name
from runnerlib.errors import Interrupted, OutputError, RunnerError
from runnerlib.executor.hardening import refused
from runnerlib.executor.local import STOPPING, ProcessSupervisor, own_process
from runnerlib.runner.steps import Site
from runnerlib.secrets.socket import SecretServer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
    from pathlib import Path
    from types import FrameType

    from runnerlib._util.cancellation import Stop
    from runnerlib.masking import SecretMasker

    LoopFactory = Callable[[], asyncio.AbstractEventLoop]
    Warn = Callable[[str], None]

T = TypeVar("T")


def check_system(*, threads: bool = False) -> None:
    """Raise RunnerError when this system cannot run jobs or, with `threads`, cannot start threads."""
    if not os.path.exists("/proc/self/stat"):
        raise RunnerError("a run needs /proc, by which it finds the processes of its job; it is not mounted here")
    try:
        one, other = socket.socketpair()
    except OSError as error:
        raise RunnerError(f"a run needs pairs of sockets, which this system refuses: {error.strerror}") from None
    one.close()
    other.close()
    if threads and (why := _no_threads()):
        raise RunnerError(f"a workflow needs threads, and this system starts none: {why}")


def _no_threads() -> str:
    """Return why no thread can be started, else "": an old seccomp profile may answer EPERM to clone3."""
    try:
        _thread.start_new_thread(int, ())
    except RuntimeError as error:
        return str(error)
    return ""


def shortcomings(server: SecretServer) -> str:
    """Return a sentence on what the system has refused, else ""; call it while a `ProcessSupervisor` is open."""
    found = {
        "processes that leave their parent may outlive the job": own_process.adoption_refused(),
        "steps can read what the runner knows": refused(),
        "steps cannot register secrets": server.refused,
        "steps in a sandbox can replace the socket that registers secrets": server.exposed,
        "plugins, workflows and most sources do not work": _no_threads(),
    }
    missing = "; ".join(f"{what} ({why})" for what, why in found.items() if why)
    return f"this system does not give all that a run uses: {missing}" if missing else ""


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


def finished(work: Coroutine[Any, Any, T]) -> T:
    """Return the result of `work`, which has `ThisThread` for its driver, so that nothing in it ever waits."""
    try:
        work.send(None)
    except StopIteration as done:
        return cast("T", done.value)
    work.close()
    raise AssertionError("a run in this thread waits for an event loop")
