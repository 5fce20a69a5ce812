"""Further attempts at a whole job of a workflow."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING

from runnerlib._util.retry import RetryPolicy
from runnerlib.engine.step_run import retried
from runnerlib.events import StepFinished, StepRetrying, StepStarted
from runnerlib.events.forwarding import ForwardingObserver
from runnerlib.events.result import StepOutcome, StepResult

if TYPE_CHECKING:
    from collections.abc import Callable

    from runnerlib.events import Event, Observer
    from runnerlib.pipeline.job import Retry
    from runnerlib.runner.workflow.backend import JobOutcome, RunningJob


class RetriedJob:
    """A job that runs again from its beginning while it fails and attempts are left.

    `attempt` makes the job for one attempt, `warn` tells that another follows. To its observer the attempts at a step
    in all of them are attempts at one step, whose end is told when the last attempt at the job has ended.
    """

    def __init__(
        self,
        attempt: Callable[[int, Observer], RunningJob],
        retry: Retry,
        observer: Observer,
        warn: Callable[[str], None],
    ) -> None:
        self._attempt = attempt
        self._retry = retry
        self._events = _Attempts(observer)
        self._warn = warn
        self._job: RunningJob | None = None
        self._stopped: tuple[int, bool] | None = None
        self._stopping = asyncio.Event()

    def stop(self, signum: int, *, at_once: bool = False) -> None:
        """Stop the job; no further attempt begins."""
        self._stopped = signum, at_once
        self._stopping.set()
        if self._job is not None:
            self._job.stop(signum, at_once=at_once)

    async def run(self) -> JobOutcome:
        """Make attempts until one succeeds, none is left or the job is stopped."""
        number = 1
        end = await self._try(number)
        while self._goes_on(number, end.result):
            await self._pause(number, end.result)
            if self._stopped is not None:
                break
            number += 1
            end = await self._try(number)
        self._events.flush()
        return end._replace(result=end.result._replace(attempts=max(number, end.result.attempts)))

    async def _try(self, number: int) -> JobOutcome:
        self._job = self._attempt(number, self._events)
        if self._stopped is not None:
            self._job.stop(self._stopped[0], at_once=self._stopped[1])
        return await self._job.run()

    def _goes_on(self, number: int, result: StepResult) -> bool:
        if self._stopped is not None or number > self._retry.max or result.outcome != "failure":
            return False
        ending = StepOutcome(result.exit_code, result.reason, result.cause)
        return result.cause != "tampered" and retried(self._retry, ending, seen=False)

    async def _pause(self, number: int, result: StepResult) -> None:
        delay = RetryPolicy(self._retry.backoff, self._retry.limit, self._retry.jitter).pause(number)
        self._warn(f"{result.reason}; attempt {number + 1} of {self._retry.max + 1} follows in {delay:.1f} s")
        self._events.again(delay)
        with suppress(TimeoutError):
            await asyncio.wait_for(self._stopping.wait(), delay)


class _Attempts(ForwardingObserver):
    """Holds the ends of steps back, and counts attempts on."""

    def __init__(self, observer: Observer) -> None:
        super().__init__(observer)
        self._ends: dict[str, StepResult] = {}
        self._before: dict[str, int] = {}  # attempts at a step in the earlier attempts at the job

    def observe(self, event: Event) -> None:
        """Pass one event on, unless a further attempt may make it untrue."""
        match event:
            case StepFinished():
                name = event.result.name
                attempts = self._before.get(name, 0) + event.result.attempts
                self._ends[name] = event.result._replace(attempts=attempts)
            case StepStarted() | StepRetrying():
                super().observe(event._replace(attempt=self._before.get(event.step, 0) + event.attempt))
            case _:
                super().observe(event)

    def again(self, delay: float) -> None:
        """Tell of the steps that had run that they are tried again."""
        for name, result in self._ends.items():
            self._before[name] = result.attempts
            if result.attempts:
                super().observe(StepRetrying(name, result.attempts, result.reason or "its job failed", delay))
        self._ends.clear()

    def flush(self) -> None:
        """Tell of the ends of all steps."""
        for result in self._ends.values():
            super().observe(StepFinished(result))
