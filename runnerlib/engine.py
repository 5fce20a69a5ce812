"""Runs a step: its process on the event loop, its output through the mask, its end as a result.

A step is done when its process has exited *and* its output is read to the end. Nothing that was
written before the exit is lost, however slow the reader; what a background process keeps writing
afterwards is read for the drain time only.
"""

from __future__ import annotations

import asyncio
import signal
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple

from runnerlib.errors import OutputError
from runnerlib.events import StepFinished, StepStarted, Warned
from runnerlib.job import Step, StepResult, result_of, signal_name
from runnerlib.process import CommandError, Process, holders, start
from runnerlib.pump import Pump

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from runnerlib.events import Observer
    from runnerlib.masking import SecretMasker
    from runnerlib.process import Seen


class Limits(NamedTuple):
    """Times in seconds: `grace` from TERM to KILL, `drain` for output held open after the exit."""

    grace: float = 5.0
    drain: float = 2.0


class StepRun:
    """One execution of one step: `run` once, `stop` at any time before, during or after."""

    def __init__(self, step: Step, masker: SecretMasker, observer: Observer, limits: Limits) -> None:
        self._step = step
        self._masker = masker
        self._observer = observer
        self._limits = limits
        self._process: Process | None = None
        self._pump: Pump | None = None
        self._stopped_by = 0
        self._deadline: float | None = None
        self._delivery: asyncio.Timeout | None = None
        self._timers: list[asyncio.TimerHandle] = []
        self._named: set[int] = set()

    async def run(self) -> StepResult:
        """Run the step to its end and return how it ended; no process of its group is left then.

        Raises RunnerError when no process can be started, and OutputError when the observer can
        take no more.
        """
        self._observer.observe(StepStarted(self._step.name, self._masker.mask_string(self._step.shown)))
        if self._stopped_by:
            return self._finish(self._stopped())
        try:
            process = self._process = start(self._step.argv, self._step.cwd, self._step.env)
        except CommandError as error:
            return self._finish(StepResult(error.exit_code, str(error)))
        try:
            result = await self._follow(process)
        finally:
            self._release(process)
        await self._deliver()
        return self._finish(self._stopped() if self._stopped_by else result)

    def stop(self, signum: int) -> None:
        """End the step because the runner got `signum`: TERM, and KILL after the grace time or at the second call."""
        again = bool(self._stopped_by)
        self._stopped_by = self._stopped_by or signum
        loop = asyncio.get_running_loop()
        # A reader that has stopped must not keep a stopped runner.
        self._deadline = self._deadline or loop.time() + self._limits.grace + self._limits.drain
        if self._delivery is not None:
            self._delivery.reschedule(self._deadline)
        if self._process is not None:
            self._terminate(self._process, at_once=again)

    async def _follow(self, process: Process) -> StepResult:
        """Until the process has exited and its output has ended, one way or another."""
        loop = asyncio.get_running_loop()
        pump = self._pump = Pump(process.output, self._step.name, self._masker.stream(), self._observer)
        exited: asyncio.Future[StepResult] = loop.create_future()

        def stop_waiting() -> None:
            self._stop_waiting(process, pump)

        def on_exit() -> None:
            loop.remove_reader(process.exited)
            exited.set_result(result_of(process.reap()))
            pump.after(process.unread(), lambda: self._later(self._limits.drain, stop_waiting))

        loop.add_reader(process.exited, on_exit)
        pump.start()
        await pump.ended
        if pump.error is not None:  # nobody can be told any more: the job has no reader, so it ends
            self._terminate(process, at_once=False)
        result = await exited
        await self._end_group(process)
        if pump.error is not None:
            raise pump.error
        return result

    def _terminate(self, process: Process, *, at_once: bool) -> None:
        if at_once:
            process.signal(signal.SIGKILL)
            return
        process.signal(signal.SIGTERM)
        self._later(self._limits.grace, lambda: process.signal(signal.SIGKILL))
        if self._pump is not None:
            self._later(self._limits.grace + self._limits.drain, self._pump.finish)

    def _stop_waiting(self, process: Process, pump: Pump) -> None:
        """The drain time is over: say who holds the output open, and let go of it."""
        if not pump.ended.done():
            self._name(holders(process.output), "holds the output open after the command ended; it is no longer read")
            pump.finish()

    async def _end_group(self, process: Process) -> None:
        """No process of the group outlives the step: TERM, grace, KILL."""
        survivors = process.survivors()
        if not survivors:
            return
        self._name(survivors, "was still running after the command ended; it is stopped")
        process.signal(signal.SIGTERM)
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self._limits.grace
        pause = 0.001
        while process.survivors():
            if loop.time() >= deadline:
                process.signal(signal.SIGKILL)
            await asyncio.sleep(pause)
            pause = min(2 * pause, 0.1)

    def _name(self, seen: Iterable[Seen], what: str) -> None:
        for other in seen:
            if other.pid not in self._named and not self._stopped_by:
                self._named.add(other.pid)
                self._warn(f"process {other.pid} ({other.command}) {what}")

    def _warn(self, text: str) -> None:
        with suppress(OutputError):
            self._observer.observe(Warned(self._masker.mask_string(text)))

    async def _deliver(self) -> None:
        """Wait for the reader of the output; a runner that was told to stop does not wait for ever."""
        try:
            async with asyncio.timeout_at(self._deadline) as self._delivery:
                await self._observer.drain()
        except TimeoutError:
            pass
        finally:
            self._delivery = None

    def _stopped(self) -> StepResult:
        return StepResult(128 + self._stopped_by, f"stopped by {signal_name(self._stopped_by)}")

    def _finish(self, result: StepResult) -> StepResult:
        self._observer.observe(StepFinished(self._step.name, result.exit_code, self._masker.mask_string(result.reason)))
        return result

    def _later(self, delay: float, action: Callable[[], object]) -> None:
        self._timers.append(asyncio.get_running_loop().call_later(delay, action))

    def _release(self, process: Process) -> None:
        """Let go of everything; afterwards the process's number may belong to a stranger."""
        self._process = None
        for timer in self._timers:
            timer.cancel()
        if self._pump is not None:
            self._pump.finish()
        asyncio.get_running_loop().remove_reader(process.exited)
        process.close()
