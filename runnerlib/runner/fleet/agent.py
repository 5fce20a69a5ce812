"""Agent: the process that runs one job for a worker, as any run of one machine does.

It watches the lease by its own clock: when no renewal was confirmed for most of its time, the job is stopped before
another worker can have it. When the worker is gone, so is the job.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import tempfile
import time
from contextlib import nullcontext, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from runnerlib._util.cancellation import Stop, cancelled
from runnerlib._util.safe_tree import remove_tree
from runnerlib._util.system import signal_name
from runnerlib.errors import Interrupted, RunnerError
from runnerlib.events import Measured, StepFinished, Warned
from runnerlib.events.forwarding import ForwardingObserver
from runnerlib.events.result import StepResult
from runnerlib.executor.local.own_process import alone, end_left
from runnerlib.masking.known import KnownSecrets
from runnerlib.output.telemetry.run_figures import RunFigures
from runnerlib.runner.fleet.cargo import Cargo
from runnerlib.runner.fleet.codec import decode, encode
from runnerlib.runner.fleet.envelope import environment, unpack
from runnerlib.runner.fleet.frame_writer import FrameWriter
from runnerlib.runner.fleet.link import BEAT, FIGURES, JOB, STOP, TAKEN, TELL, Link
from runnerlib.runner.fleet.seal import JobCipher, SealError
from runnerlib.runner.supervision import supervised, uvloop_factory
from runnerlib.runner.workflow.backend import JobOutcome
from runnerlib.runner.workflow.local_backend import LocalBackend
from runnerlib.runner.workflow.status_records import directory_of
from runnerlib.secrets.process_registry import HERE
from runnerlib.source import taken_from_files

if TYPE_CHECKING:
    import socket
    from collections.abc import Mapping

    from runnerlib.events import Event
    from runnerlib.runner.fleet.envelope import Addressed
    from runnerlib.runner.fleet.parcels import Parcel
    from runnerlib.runner.workflow.backend import RunningJob

STOPS = 0.8
"""The share of a lease after which a job is stopped that was not renewed."""
KILLS = 0.9


def now() -> float:
    """Return the seconds since this machine has booted, sleep included; the same clock in all its processes."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def serve(end: socket.socket) -> None:
    """Wait for a job on the link to the worker, run it, and return."""
    with asyncio.Runner(loop_factory=uvloop_factory()) as loop:
        job = loop.run(_Waiting(end).job())
        if job is not None:
            with alone():
                loop.run(job.run())
                end_left(lambda _text: None, 1.0)


class _Waiting:
    """The link before there is a job."""

    def __init__(self, end: socket.socket) -> None:
        self._end = end

    async def job(self) -> _Job | None:
        """Return the job that comes; None when the worker needs no agent any more."""
        link = await Link.over(self._end)
        message = await link.receive()
        if message is None or message[0] != JOB:
            await link.close()
            return None
        return _Job(link, decode(message[1]))


class _Counted(ForwardingObserver):
    """Counts the events of a job, for the figures of the worker; what was measured goes on if the run wants it."""

    def __init__(self, observer: FrameWriter, counting: RunFigures, *, measures: bool) -> None:
        super().__init__(observer)
        self._counting = counting
        self._measures = measures

    def observe(self, event: Event) -> None:
        """Count an event, and pass it on."""
        self._counting.observe(event)
        if self._measures or not isinstance(event, Measured):
            super().observe(event)


class _Job:
    """One job, from its envelope to its last frame."""

    def __init__(self, link: Link, given: Mapping[str, Any]) -> None:
        self._link = link
        self._given = given
        self._ticket = given["ticket"]
        self._cipher = JobCipher(given["packed"]["key"])
        self._writer = FrameWriter(link, self._cipher, self._ticket)
        self._packed: Mapping[str, Any] = given["packed"]
        self._counting = RunFigures(each_step=False)
        self._observer = _Counted(self._writer, self._counting, measures=given["packed"].get("measures", False))
        self._stop = Stop()
        self._running: RunningJob | None = None
        self._asked: tuple[int, bool] | None = None
        self._masker: KnownSecrets | None = None
        self._early: list[bytes] = []
        self._renewed = float(given["renewed"])
        self._lost = False

    async def run(self) -> None:
        """Run the job, and send its frames."""
        loop = asyncio.get_running_loop()
        listening, watching = loop.create_task(self._listen()), loop.create_task(self._watch())
        base = Path(tempfile.mkdtemp(prefix=f"{self._ticket['run']}.{self._ticket['number']}-", dir=self._given["dir"]))
        cargo = Cargo(self._given, base, self._check)
        try:
            outcome, parcel = await self._with_artifacts(cargo, await self._outcome(cargo, base))
            data = await self._encoded(cargo, outcome, parcel)
            if not self._lost:
                self._count(outcome)
                self._writer.end(data)
            await self._link.drain()
            if not self._lost:
                await listening  # the worker leaves once it has the last frame
        finally:
            await cancelled(listening, watching)
            await self._link.close()
            with suppress(OSError):
                remove_tree(base)

    async def _outcome(self, cargo: Cargo, base: Path) -> JobOutcome:
        try:
            self._packed = await cargo.envelope()
            job = unpack(self._packed, base, environment(os.environ))
        except RunnerError as error:
            return self._not_run(error)
        masker = job.plan.masker
        assert isinstance(masker, KnownSecrets)  # noqa: S101 - a job of a fleet has one
        masker.register_secrets(list(cargo.secrets()))
        self._know(masker)
        fetching = any(plan.checkouts for plan in job.plan.plans.values())
        with HERE.followed_by(masker), taken_from_files() if fetching else nullcontext():
            try:
                return await self._supervised(job)
            except RunnerError as error:
                return self._not_run(error)

    def _check(self) -> None:
        """Raise Interrupted when parcels are not to be waited for: the job has not begun, or has no time left."""
        if self._asked is not None and (self._running is None or self._asked[1]):
            raise Interrupted(self._asked[0], signal_name(self._asked[0]))

    async def _with_artifacts(self, cargo: Cargo, outcome: JobOutcome) -> tuple[JobOutcome, Parcel | None]:
        """Store the artifacts of a job that has run; without them it fails, unless it did that before."""
        if self._running is None or not self._packed["instance"].job.upload:
            return outcome, None
        try:
            return outcome, await cargo.artifacts(self._packed["instance"].name)
        except RunnerError as error:
            self._warn(f"artifacts: {error}")
            return (_spoilt(outcome, f"artifacts: {error}") if outcome.result.success else outcome), None

    async def _supervised(self, job: Addressed) -> JobOutcome:
        plan = job.plan
        plan.services.measures = True
        self._counting.pipeline = plan.masker.mask_string(plan.workflow.name)
        workspace = plan.front.workspace
        workspace.base.mkdir(parents=True, exist_ok=True)
        place = workspace.own() if any(one.is_bounded for one in plan.plans.values()) else None
        users = (one.placement.limits.stranger for one in plan.plans.values() if one.placement is not None)
        for warning in plan.warnings:
            self._warn(f"{job.shown}: {warning}")
        async with supervised(plan.masker, self._warn, self._stop, user=next(users, None), place=place) as site:
            backend = LocalBackend(plan, site, directory_of(workspace))
            self._running = backend.job(job.instance, job.inputs, job.names, job.shown, self._observer)
            loop = asyncio.get_running_loop()
            with self._stop.reaching(loop, self._request):
                if self._asked is not None:
                    self._running.stop(self._asked[0], at_once=self._asked[1])
                return await self._running.run()

    def _count(self, outcome: JobOutcome) -> None:
        """Tell the worker the figures of the job."""
        result = outcome.result
        self._counting.job(result.outcome, result.duration)
        self._link.send(FIGURES, json.dumps(self._counting.figures.plain()).encode())

    def _request(self, signum: int, at_once: bool = False) -> None:
        """Stop the job, now or as soon as it runs."""
        self._asked = signum, at_once
        if self._running is not None:
            self._running.stop(signum, at_once=at_once)

    def _warn(self, text: str) -> None:
        self._writer.observe(Warned(self._masker.mask_string(text) if self._masker is not None else text))

    def _know(self, masker: KnownSecrets) -> None:
        """Send on what the job found out to be secret, and mask what others have found out meanwhile."""
        sent = {value for value, _ in self._packed["secrets"]}
        new = tuple(pair for pair in masker.known if pair[0] not in sent)
        if new:
            self._writer.know(new)
        masker.tell = self._writer.know
        self._masker = masker
        for sealed in self._early:
            self._told(sealed)

    def _told(self, sealed: bytes) -> None:
        """Mask what another job has registered."""
        if self._masker is None:
            self._early.append(sealed)
            return
        with suppress(SealError):
            secrets = decode(self._cipher.opened(sealed, f"{self._ticket['run']}.{self._ticket['number']} tell"))
            tell, self._masker.tell = self._masker.tell, None  # it is known there
            self._masker.register_secrets([value for value, _ in secrets], [name for _, name in secrets])
            self._masker.tell = tell

    async def _listen(self) -> None:
        """Heed the worker until it has gone; then the job is killed, if it still runs."""
        while (message := await self._link.receive()) is not None:
            kind, content = message
            if kind == BEAT:
                self._renewed = max(self._renewed, float(content))
            elif kind == TAKEN:
                self._writer.taken(int(content))
            elif kind == TELL:
                self._told(content)
            elif kind == STOP:
                signum, at_once = json.loads(content)
                self._request(signum, at_once)
        self._lost = True
        self._request(signal.SIGTERM, at_once=True)
        self._writer.taken(1 << 40)  # nobody takes the rest

    async def _watch(self) -> None:
        """Stop the job when its lease ends."""
        lease = float(self._ticket["lease"])
        for share, at_once in ((STOPS, False), (KILLS, True)):
            while (left := self._renewed + lease * share - now()) > 0:
                await asyncio.sleep(left)
            self._lost = True
            self._request(signal.SIGTERM, at_once=at_once)

    async def _encoded(self, cargo: Cargo, outcome: JobOutcome, artifacts: Parcel | None) -> bytes:
        """Return the last frame: the outcome and the parcel of artifacts, or a parcel of both."""
        data = encode([outcome, artifacts])
        if self._writer.fits(data):
            return data
        try:
            if (parcel := await cargo.outcome(data)) is not None:
                return encode([parcel, None])
            reason = f"it hands on {len(data)} bytes of outputs, more than the fleet carries ({self._ticket['most']})"
            reason += " without a store (--fleet-store)"
        except RunnerError as error:
            reason = f"it hands on {len(data)} bytes of outputs: {error}"
        return encode([_spoilt(outcome, reason), artifacts])

    def _not_run(self, error: RunnerError) -> JobOutcome:
        """Return the outcome of a job that could not be planned or supervised here."""
        name, names, at = self._packed["name"], self._packed["names"], time.time()
        stopped = isinstance(error, Interrupted)
        text = self._masker.mask_string(str(error)) if self._masker is not None else str(error)
        result = StepResult(
            name,
            "cancelled" if stopped else "failure",
            error.exit_code,
            reason=text,
            cause="cancelled" if stopped else "runner",
            started=at,
            ended=at,
        )
        for number, shown in enumerate(names.values()):
            skipped = StepResult(shown, "skipped", 0, reason="the job could not be run", cause="dependency")
            self._writer.observe(StepFinished(skipped if number else result._replace(name=shown)))
        return JobOutcome(result)


def _spoilt(outcome: JobOutcome, reason: str) -> JobOutcome:
    """Return the outcome of a job that failed because of what it hands on."""
    return JobOutcome(
        outcome.result._replace(outcome="failure", exit_code=1, reason=reason, cause="outputs", outputs={})
    )
