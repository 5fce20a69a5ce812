"""One job of a workflow on a fleet, as its dispatcher sees it."""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from runnerlib._util.cancellation import cancelled
from runnerlib._util.system import signal_name
from runnerlib.errors import Interrupted, RunnerError
from runnerlib.events import StepFinished, Warned
from runnerlib.events.result import StepResult
from runnerlib.runner.fleet.codec import DamagedError, decode, encode
from runnerlib.runner.fleet.contract import FleetError, Frame, Why
from runnerlib.runner.fleet.envelope import pack
from runnerlib.runner.fleet.parcels import Parcel
from runnerlib.runner.fleet.remote_events import RemoteEvents
from runnerlib.runner.fleet.seal import JobCipher, SealError, seal
from runnerlib.runner.workflow.backend import JobOutcome
from runnerlib.runner.workflow.status_records import Record

if TYPE_CHECKING:
    from collections.abc import Mapping

    from runnerlib.events import Observer
    from runnerlib.masking.known import Known
    from runnerlib.pipeline.workflow import Instance
    from runnerlib.runner.fleet.contract import Failure, Ticket
    from runnerlib.runner.fleet.fleet_run import Fleet
    from runnerlib.runner.workflow.backend import JobInputs

_TOLD_AFTER = 60.0
_LOOKS = 5.0
_PATIENCE = 3.0


class FleetJob:
    """A job on a worker; call `run` once, and `stop` at any time before, during or after."""

    def __init__(
        self,
        fleet: Fleet,
        ticket: Ticket,
        instance: Instance,
        inputs: JobInputs,
        names: Mapping[str, str],
        shown: str,
        observer: Observer,
    ) -> None:
        self._fleet = fleet
        self.ticket = ticket
        self._instance = instance
        self._inputs = inputs
        self._names = names
        self._shown = shown
        self._observer = observer
        self._events = RemoteEvents(names.values(), fleet.masker, observer)
        self._key = fleet.run.job_key(ticket.number)
        self._cipher = JobCipher(self._key)
        self._artifacts: Parcel | None = None
        self._known = 0
        self._attempt = 0
        self._worker = ""
        self._begun = asyncio.Event()
        self._stops = 0
        self._signum = 0
        self._stopping: asyncio.Task[None] | None = None
        self._end: asyncio.Future[JobOutcome] = asyncio.get_running_loop().create_future()

    def stop(self, signum: int, *, at_once: bool = False) -> None:
        """Stop the job; `at_once`, or at the second call, all its processes are killed."""
        self._stops += 1 + at_once
        self._signum = self._signum or signum
        before = self._stopping

        async def ask() -> None:
            if before is not None:
                await cancelled(before)
            await self._stop_it()

        self._stopping = asyncio.get_running_loop().create_task(ask())

    async def run(self) -> JobOutcome:
        """Run the job to its end. Raises OutputError when the observer can take no more."""
        started = time.time()
        try:
            record = Record(self._fleet.records, self._instance.job.name, self._instance.name)
        except RunnerError as error:
            return self._not_run(error, started)
        try:
            record.started(started)
            try:
                end = await self._with_artifacts(await self._run())
            except RunnerError as error:
                if self._end.done() and self._end.exception() is error:
                    raise
                end = self._not_run(error, started)
            mask = self._fleet.masker.mask_string
            outputs = {name: text for name, text in end.handed_on.outputs.items() if mask(text) == text}
            record.ended(end.result._replace(reason=mask(end.result.reason)), outputs)
        finally:
            record.close()
            if self._stopping is not None:
                await cancelled(self._stopping)
        return end

    async def _run(self) -> JobOutcome:
        packed = pack(self._fleet.plan, self._instance, self._inputs, self._names, self._shown)
        cargo = await self._fleet.shipping.cargo(self._instance)
        packed = {**packed, **cargo, "key": self._key}
        if not self._fleet.engine.known:  # else an earlier envelope may have had less
            self._known = len(self._fleet.masker.known)
        sealed = await self._sealed(packed)
        if self._signum:
            raise Interrupted(self._signum, signal_name(self._signum))
        waiting = asyncio.get_running_loop().create_task(self._hand_in(sealed))
        try:
            return await asyncio.shield(self._end)
        except asyncio.CancelledError:
            await self._leave()
            raise
        finally:
            await cancelled(waiting)

    async def _sealed(self, packed: dict[str, Any]) -> bytes:
        """Return the envelope; one that is too large goes into the store. Raises RunnerError."""
        fleet, most = self._fleet, self._fleet.engine.most
        sealed = seal(encode(packed), fleet.public, self.ticket.id)
        if len(sealed) > most:
            parcel = await fleet.shipping.send(encode(packed))
            if parcel is None:
                text = f"it has {len(sealed)} bytes with its settings, more than the fleet carries ({most})"
                raise RunnerError(f"{text} without a store (--fleet-store)")
            kept: dict[str, Any] = {
                name: packed[name] for name in ("key", "name", "names", "measures") if name in packed
            }
            kept["parcel"] = parcel
            sealed = seal(encode(kept), fleet.public, self.ticket.id)
        return sealed

    async def _with_artifacts(self, end: JobOutcome) -> JobOutcome:
        """Put the artifacts of the job into the workspace; a job whose artifacts cannot be had fails."""
        if self._artifacts is None:
            return end
        try:
            await self._fleet.shipping.take_artifacts(self._instance.name, self._artifacts)
        except RunnerError as error:
            self._observer.observe(Warned(self._fleet.masker.mask_string(f"{self._shown}: artifacts: {error}")))
            if end.result.success:
                reason = f"artifacts: {error}"
                failed = end.result._replace(outcome="failure", exit_code=1, reason=reason, cause="outputs", outputs={})
                return JobOutcome(failed)
        return end

    async def _leave(self) -> None:
        """Kill the job when the run itself is cancelled, unless it goes on without it."""
        if self.ticket.detached:
            return
        self._stops = 2
        self._signum = self._signum or 15
        await asyncio.shield(self._stop_it())

    # -- waiting for a worker

    async def _hand_in(self, sealed: bytes) -> None:
        """Hand the job in, which takes as long as the server is away, and wait for a worker."""
        try:
            await self._fleet.engine.submit(self.ticket, sealed)
            await self._wait_for_worker()
        except RunnerError as error:
            self._take_end(self._not_run(error, time.time()))
        except Exception as error:
            self.fail(error)

    async def _wait_for_worker(self) -> None:
        """Tell why no worker takes the job, and end it when it has waited too long."""
        loop = asyncio.get_running_loop()
        began, reported, why = loop.time(), "", Why()
        limit = self._fleet.plan.requests[self._instance.name].resolved.config.queue_timeout
        while not self._begun.is_set():
            why = await self._fleet.engine.waits(self.ticket) or why
            waited = loop.time() - began
            if limit is not None and waited >= limit:
                outcome = self._not_taken(limit, why.text)
                if await self._withdraw(outcome):
                    self._take_end(self._finished(outcome))
                return
            if why.text and why.text != reported and (why.certain or waited >= _TOLD_AFTER):
                reported = why.text
                self._observer.observe(Warned(self._fleet.masker.mask_string(f"{self._shown} waits: {reported}")))
            try:
                left = _LOOKS if limit is None else min(_LOOKS, max(began + limit - loop.time(), 0.0))
                await asyncio.wait_for(self._begun.wait(), left)
            except TimeoutError:
                continue

    async def failed(self, failure: Failure) -> None:
        """End the job as its engine says; one that nobody has begun never begins."""
        if self._end.done():
            return
        at, code = time.time(), 124 if failure.cause == "timeout" else 125
        result = StepResult(
            self._instance.name,
            outcome="failure",
            exit_code=code,
            reason=self._fleet.masker.mask_string(failure.reason),
            cause=failure.cause,
            attempts=self._attempt,
            started=at,
            ended=at,
            worker=self._worker,
        )
        with suppress(FleetError):
            await self._withdraw(JobOutcome(result))
        self._take_end(self._finished(JobOutcome(result)))

    def _not_taken(self, limit: float, why: str) -> JobOutcome:
        because = f" ({why})" if why else ""
        now = time.time()
        result = StepResult(
            self._instance.name,
            outcome="failure",
            exit_code=124,
            reason=f"no worker has taken it within {limit:g} s{because}",
            cause="timeout",
            started=now - limit,
            ended=now,
        )
        return JobOutcome(result)

    async def _withdraw(self, outcome: JobOutcome | int) -> bool:
        """End the job, unless a worker has begun it, with an outcome or because of a signal."""
        about = Frame("withdrawn", self.ticket.number, 0, 0).about(self.ticket.run)
        return await self._fleet.engine.withdraw(self.ticket, self._cipher.seal(encode(outcome), about))

    # -- what the worker says

    async def heard(self, frame: Frame) -> None:
        """Take a frame; those of an attempt that was lost are dropped. Raises OutputError."""
        if self._end.done() or frame.attempt < self._attempt:
            return
        try:
            await self._heard(frame)
        except (SealError, DamagedError, TypeError, ValueError, AttributeError) as error:
            self._observer.observe(Warned(f"{self._shown}: a message of worker '{frame.worker}' is dropped: {error}"))

    async def _heard(self, frame: Frame) -> None:
        match frame.kind:
            case "begin":
                self._begin(frame)
                await self._catch_up()
            case "secrets":
                secrets = self._fleet.learn(frame)
                self._fleet.tell(secrets, self.ticket.number)
            case "events":
                for event in self._opened(frame):
                    self._events.show(event)
            case "end":
                self._take_end(await self._ending(frame))
            case "lost":
                self._take_end(self._lost(frame.worker))
            case "withdrawn":
                self._take_end(self._withdrawn(self._opened(frame)))

    async def _ending(self, frame: Frame) -> JobOutcome:
        """Return the outcome in the last frame. Raises DamagedError."""
        outcome, self._artifacts = self._opened(frame)
        if isinstance(outcome, Parcel):
            try:
                outcome, self._artifacts = decode(await self._fleet.shipping.received(outcome))
            except DamagedError:
                raise
            except RunnerError as error:
                return self._not_run(error, time.time())
        if not isinstance(outcome, JobOutcome) or not isinstance(outcome.result, StepResult):
            raise DamagedError("its end is none")
        if not isinstance(self._artifacts, Parcel | None):
            raise DamagedError("its artifacts are none")
        return self._ended(outcome)

    def _withdrawn(self, why: Any) -> JobOutcome:
        """Return the outcome of a job that no worker has begun in time, or that a signal has ended before."""
        if isinstance(why, JobOutcome) and isinstance(why.result, StepResult):
            return self._finished(why)
        if not isinstance(why, int):
            raise DamagedError("its end is none")
        return self._not_run(Interrupted(why, signal_name(why)), time.time())

    def _opened(self, frame: Frame) -> Any:
        return decode(self._cipher.opened(frame.sealed, frame.about(self.ticket.run)))

    def _begin(self, frame: Frame) -> None:
        at = self._opened(frame)
        if self._worker:
            lost = "its process on " * (self._worker == frame.worker) + f"worker '{self._worker}'"
            text = f"{lost} was lost, attempt {frame.attempt} runs on worker '{frame.worker}'"
            self._observer.observe(Warned(f"{self._shown}: {text}"))
            self._events.lost(f"worker '{self._worker}' was lost")
        self._attempt, self._worker = frame.attempt, frame.worker
        self._events.begin(float(at))
        self._begun.set()

    def _ended(self, outcome: JobOutcome) -> JobOutcome:
        result = self._events.here(outcome.result)._replace(name=self._instance.name, worker=self._worker)
        if self._attempt > 1:
            result = result._replace(attempts=result.attempts + self._attempt - 1)
        return self._finished(outcome._replace(result=result))

    def _lost(self, worker: str) -> JobOutcome:
        now = time.time()
        reason = f"worker '{worker}' was lost"
        result = StepResult(
            self._instance.name,
            outcome="failure",
            exit_code=125,
            reason=reason,
            cause="lost",
            attempts=self._attempt,
            started=now,
            ended=now,
            worker=worker,
        )
        return self._finished(JobOutcome(result))

    def _finished(self, outcome: JobOutcome) -> JobOutcome:
        """Return the outcome, after an event for each step that has none yet."""
        first = True
        for name in self._names.values():
            if name in self._events.finished:
                continue
            result = StepResult(name, "skipped", 0, reason="the job could not be run", cause="dependency")
            if first and not outcome.result.success:
                result = self._events.masked(outcome.result._replace(name=name, outputs={}))
            first = False
            self._events.finished.add(name)
            self._observer.observe(StepFinished(result))
        return outcome

    def _not_run(self, error: RunnerError, started: float) -> JobOutcome:
        stopped = isinstance(error, Interrupted)
        result = StepResult(
            self._instance.name,
            outcome="cancelled" if stopped else "failure",
            exit_code=error.exit_code,
            reason=str(error),
            cause="cancelled" if stopped else "runner",
            started=started,
            ended=time.time(),
        )
        return self._finished(JobOutcome(result))

    def _take_end(self, outcome: JobOutcome) -> None:
        self._begun.set()
        if not self._end.done():
            self._end.set_result(outcome)

    def fail(self, error: BaseException) -> None:
        """End the job because its frames cannot be read or shown any more."""
        if not self._end.done():
            self._end.set_exception(error)

    # -- what the worker is told

    async def _stop_it(self) -> None:
        """Stop the job: before a worker has begun it none will, later its worker has to.

        Neither a server that is away nor a worker that does not answer holds the run up for ever.
        """
        at_once, config = self._stops > 1, self._fleet.plan.front.config
        if self._end.done():
            return
        try:
            async with asyncio.timeout(config.grace_period + config.drain_timeout + _PATIENCE):
                if self._begun.is_set() or not await self._withdraw(self._signum):
                    await self._fleet.engine.stop(self.ticket, self._signum, at_once=at_once)
                if at_once:
                    await asyncio.wait((self._end,))
        except (TimeoutError, FleetError):
            self._give_up()

    def _give_up(self) -> None:
        """End the job here although its worker, if it has one, may not have ended it."""
        worker = f"worker '{self._worker}' does" if self._worker else "the fleet's server does"
        after = "" if self.ticket.detached else f"; it stops there within {self.ticket.run_lease:g} s"
        text = f"{self._shown}: {worker} not answer, so the run ends without the job{after}"
        self._observer.observe(Warned(self._fleet.masker.mask_string(text)))
        self._take_end(self._not_run(Interrupted(self._signum, signal_name(self._signum)), time.time()))

    async def _catch_up(self) -> None:
        """Tell the worker what became secret after the envelope was sealed."""
        await self.tell(self._fleet.masker.known[self._known :])

    async def tell(self, secrets: Known) -> None:
        """Tell the worker what others found out to be secret."""
        if secrets and self._worker:
            await self._fleet.engine.tell(
                self.ticket.number, self._cipher.seal(encode(secrets), f"{self.ticket.id} tell")
            )
