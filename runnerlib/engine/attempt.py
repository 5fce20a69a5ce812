"""One execution of a step's command: its process on the event loop, its output through the mask.

An attempt is over when its process has exited *and* its output is read to the end. Nothing that was
written before the exit is lost, however slow the reader; what a background process keeps writing
afterwards is read for the drain time only. No process of its tree is left then.
"""

from __future__ import annotations

import asyncio
import signal
from contextlib import suppress
from typing import TYPE_CHECKING

from runnerlib._util.values import NamedTuple
from runnerlib.engine.output_pump import Pump
from runnerlib.errors import OutputError, RunnerError
from runnerlib.events import Warned
from runnerlib.events.result import StepOutcome, ending_of
from runnerlib.executor.process_spec import CommandError, NoRoomError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from runnerlib._util.system import TerminalSize
    from runnerlib.engine.sampler import Sampler
    from runnerlib.events import Observer
    from runnerlib.events.result import Usage
    from runnerlib.executor.process_spec import ProcessInfo, ProcessSpec, Room
    from runnerlib.executor.protocol import Executor, StepProcess
    from runnerlib.masking import SecretMasker, Stream


class Limits(NamedTuple):
    """Times in seconds: `grace` from TERM to KILL, `drain` for output held open after the exit.

    `sample` is the interval between two samples of what the process uses; 0 for none.
    """

    grace: float = 5.0
    drain: float = 2.0
    sample: float = 0.0


class Command(NamedTuple):
    """A command to execute: `step` is the masked name for events; times are in seconds, None for no limit."""

    step: str
    spec: ProcessSpec
    timeout: float | None = None
    no_output_timeout: float | None = None


# Seconds after a KILL: a process that is still there then cannot be killed.
_HOPELESS = 5.0


async def end_all(leftover: Callable[[], list[ProcessInfo]], send: Callable[[int], None], grace: float) -> None:
    """Wait until no process is left over; they get KILL after `grace` seconds, and are given up on 5 s later."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + grace
    pause = 0.001
    while leftover():
        late = loop.time() - deadline
        if late >= _HOPELESS:
            return
        if late >= 0:
            send(signal.SIGKILL)
        await asyncio.sleep(pause)
        pause = min(2 * pause, 0.1)


class Attempt:
    """One execution of a command: `start`, `follow` what has started, `close` in any case; `stop` at any time.

    `usage` is known once it has ended.
    """

    def __init__(
        self,
        command: Command,
        executor: Executor,
        masker: SecretMasker,
        stream: Stream,
        observer: Observer,
        limits: Limits,
    ) -> None:
        """The output goes through `stream`, which is empty before and after; messages go through `masker`."""
        self._command = command
        self._executor = executor
        self._masker = masker
        self._stream = stream
        self._observer = observer
        self._limits = limits
        self._process: StepProcess | None = None
        self._pump: Pump | None = None
        self._stopped: StepOutcome | None = None
        self._turn: asyncio.Future[None] | None = None
        self._timers: list[asyncio.TimerHandle] = []
        self._named: set[int] = set()
        self._waiting = False  # for the end of the process
        self._sampler: Sampler | None = None
        self.usage: Usage | None = None

    def stop(self, why: StepOutcome, *, at_once: bool = False) -> None:
        """End the attempt for `why`: TERM, and KILL after the grace time or `at_once`. The first reason stays."""
        self._stopped = self._stopped or why
        self._go_on()
        if self._process is not None:
            self._terminate(self._process, at_once=at_once)

    async def start(self) -> StepOutcome | None:
        """Start the process, unless stopped before; return how the attempt ends if that is not possible.

        Where the system has no room for another process, the command waits until another attempt has ended.
        """
        room = self._executor.room
        while self._stopped is None:
            try:
                self._process = self._executor.start(self._command.spec)
            except CommandError as error:
                return StepOutcome(error.exit_code, str(error), "not_started")
            except RunnerError as error:
                if not (isinstance(error, NoRoomError) and room.running):
                    return StepOutcome(error.exit_code, str(error), "runner")
                self._tell_once(room, f"{error}; steps wait until others have ended")
                await self._wait_for(room)
            else:
                room.enter()
                return None
        return self._stopped

    def _tell_once(self, room: Room, text: str) -> None:
        if not room.announced:
            room.announced = True
            self._observer.observe(Warned(text))

    async def _wait_for(self, room: Room) -> None:
        """Wait until another attempt has ended, or this one is stopped."""
        turn = self._turn = asyncio.get_running_loop().create_future()
        room.wait(self._go_on)
        await turn

    def _go_on(self) -> None:
        if self._turn is not None and not self._turn.done():
            self._turn.set_result(None)

    def resize(self, size: TerminalSize) -> None:
        """Set the size of the command's terminal."""
        if self._process is not None:
            self._process.resize(size)

    async def follow(self) -> StepOutcome:
        """Wait until the process that was started has exited and its output has ended; return how the attempt ended.

        Raises OutputError when the observer can take no more.
        """
        process = self._process
        assert process is not None  # noqa: S101 - it was started
        loop = asyncio.get_running_loop()
        pump = self._pump = Pump(process, self._command.step, self._stream, self._observer)
        exited: asyncio.Future[StepOutcome] = loop.create_future()

        def stop_waiting() -> None:
            self._stop_waiting(process, pump)

        def on_exit() -> None:
            self._wait_no_more(process)
            try:
                exited.set_result(self._reap(process))
            except Exception as error:  # an exception in a callback of the loop would be lost
                exited.set_exception(error)
            if not pump.ended.done():
                pump.after(process.unread(), lambda: self._later(self._limits.drain, stop_waiting))

        loop.add_reader(process.exited, on_exit)
        self._waiting = True
        pump.start()
        self._watch_time(pump)
        if self._limits.sample:
            self._sample(process)
        await pump.ended
        if pump.error is not None:  # the output has no reader any more, so the job ends
            self._terminate(process, at_once=False)
        ending = await exited
        await self._end_tree(process)
        if pump.error is not None:
            raise pump.error
        return self._stopped or ending

    def _sample(self, process: StepProcess) -> None:
        from runnerlib.engine.sampler import Sampler  # few runs have a profile

        mask, interval = self._masker.mask_string, self._limits.sample
        self._sampler = Sampler(process, self._command.step, self._observer, mask, interval)
        self._sampler.start()

    def _reap(self, process: StepProcess) -> StepOutcome:
        end = process.reap()
        self.usage = end.usage
        if end.oom:
            return StepOutcome(128 - end.returncode if end.returncode < 0 else end.returncode, end.oom, "oom")
        return ending_of(end.returncode)

    def _watch_time(self, pump: Pump) -> None:
        timeout, silence = self._command.timeout, self._command.no_output_timeout
        if timeout is not None:
            self._later(timeout, lambda: self.stop(StepOutcome(124, f"timed out after {timeout:g} s", "timeout")))
        if silence is not None:
            self._watch_silence(pump, silence, 0.0)

    def _watch_silence(self, pump: Pump, limit: float, quiet: float) -> None:
        """Check again when the limit would be reached without any further output."""

        def look() -> None:
            quiet = pump.quiet()
            if quiet >= limit:
                self.stop(StepOutcome(124, f"wrote nothing for {limit:g} s", "no_output"))
            else:
                self._watch_silence(pump, limit, quiet)

        self._later(limit - quiet, look)

    def _terminate(self, process: StepProcess, *, at_once: bool) -> None:
        if at_once:
            process.signal(signal.SIGKILL)
        else:
            process.signal(signal.SIGTERM)
            self._later(self._limits.grace, lambda: process.signal(signal.SIGKILL))
        if self._pump is not None:
            self._later((0 if at_once else self._limits.grace) + self._limits.drain, self._pump.finish)

    def _stop_waiting(self, process: StepProcess, pump: Pump) -> None:
        """The drain time is over: name the processes that hold the output open, and close it."""
        if not pump.ended.done():
            self._name(process.holders(), "holds the output open after the command ended; it is no longer read")
            pump.finish()

    async def _end_tree(self, process: StepProcess) -> None:
        """End every process of the tree: TERM, grace, KILL; only the kernel itself can keep one."""
        leftover = process.leftover()
        if not leftover:
            return
        self._name(leftover, "was still running after the command ended; it is stopped")
        process.signal(signal.SIGTERM)
        await end_all(process.leftover, process.signal, self._limits.grace)
        self._name(process.leftover(), "cannot be ended: it is not ours, or hangs in the kernel", anew=True)

    def _name(self, seen: Iterable[ProcessInfo], what: str, *, anew: bool = False) -> None:
        for other in seen:
            if anew or (other.pid not in self._named and self._stopped is None):
                self._named.add(other.pid)
                self._warn(f"process {other.pid} ({other.command}) {what}")

    def _warn(self, text: str) -> None:
        with suppress(OutputError):
            self._observer.observe(Warned(self._masker.mask_string(text), self._command.step))

    def _later(self, delay: float, action: Callable[[], object]) -> None:
        self._timers.append(asyncio.get_running_loop().call_later(delay, action))

    def close(self) -> None:
        """Release all resources, and kill what still runs; then the process's number may belong to another process."""
        process, self._process = self._process, None
        if process is None:
            return
        for timer in self._timers:
            timer.cancel()
        if self._sampler is not None:
            self._sampler.stop()
        if self._pump is not None:
            self._pump.finish()
        self._wait_no_more(process)
        process.close()
        self._executor.room.leave()

    def _wait_no_more(self, process: StepProcess) -> None:
        if self._waiting:
            self._waiting = False
            asyncio.get_running_loop().remove_reader(process.exited)
