"""Backend of a workflow that runs its jobs on the workers of a fleet."""

from __future__ import annotations

import asyncio
import os
import time
from contextlib import asynccontextmanager, suppress
from hashlib import blake2b
from typing import TYPE_CHECKING

from runnerlib._util.cancellation import cancelled
from runnerlib.events import Warned
from runnerlib.masking.known import KnownSecrets
from runnerlib.runner.fleet.codec import DamagedError
from runnerlib.runner.fleet.contract import Queue, Ticket
from runnerlib.runner.fleet.extra import own_version, require
from runnerlib.runner.fleet.fleet_run import Fleet
from runnerlib.runner.fleet.job import FleetJob
from runnerlib.runner.fleet.run_record import OpenRecord, RunRecord, new_run_key, open_record
from runnerlib.runner.fleet.seal import SealError
from runnerlib.runner.journal import state_directory
from runnerlib.runner.resume_command import is_repeatable
from runnerlib.runner.workflow.resume import signatures

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Coroutine, Mapping
    from pathlib import Path

    from runnerlib._util.cancellation import Stop
    from runnerlib.events import Observer
    from runnerlib.masking.known import Known
    from runnerlib.pipeline.workflow import Instance
    from runnerlib.runner.fleet.contract import Frame
    from runnerlib.runner.fleet.keys import FleetKey
    from runnerlib.runner.workflow.backend import JobInputs
    from runnerlib.runner.workflow.plan import WorkflowPlan

_EARLY = 64 << 20
"""The number of bytes of frames that are kept before their jobs are there."""


@asynccontextmanager
async def fleet_backend(plan: WorkflowPlan, records: Path, stop: Stop) -> AsyncIterator[FleetBackend]:
    """Enter the fleet that the settings name. Raises ConfigError and FleetError."""
    require()
    from runnerlib.runner.fleet.engines import dispatching
    from runnerlib.runner.fleet.jetstream import RunTerms
    from runnerlib.runner.fleet.keys import read_key
    from runnerlib.runner.fleet.shipping import Shipping

    config, masker = plan.front.config, plan.masker
    assert isinstance(masker, KnownSecrets)  # noqa: S101 - the services of a run on a fleet have one
    key = read_key(config.fleet_key_file or "")
    opened = _record(plan, key)
    terms = RunTerms(opened.record.run, config.fleet_run_lease, config.detach, opened.record.started, opened.known)
    try:
        shipping = Shipping(plan, opened.record.run)
        await shipping.reach()
        async with dispatching(config.fleet or "", terms) as engine:
            fleet = Fleet(plan, engine, masker, key.public, records, opened.record, shipping)
            backend = FleetBackend(fleet, key.fingerprint)
            loop = asyncio.get_running_loop()
            tasks = (
                loop.create_task(backend.read()),
                loop.create_task(backend.follow()),
                loop.create_task(_stopped_with(engine.cancelled, stop)),
            )
            try:
                yield backend
            finally:
                await cancelled(*tasks)
                await engine.close(ended=not backend.leaves)
                await shipping.close(ended=not backend.leaves)
                if not backend.leaves:
                    opened.ended()
    finally:
        opened.close()


def _record(plan: WorkflowPlan, key: FleetKey) -> OpenRecord:
    """Open the record of the run, or make that of a new one. Raises ConfigError and RunnerError."""
    config, invocation = plan.front.config, plan.services.invocation
    signed = sorted(signatures(plan).items())
    repeatable = invocation is not None and is_repeatable(invocation, plan.masker.mask_string)
    record = RunRecord(
        run=config.run_id or os.urandom(8).hex(),
        key=new_run_key(),
        signature=blake2b(repr((signed, key.fingerprint)).encode("utf-8", "surrogatepass"), digest_size=16).hexdigest(),
        workflow=plan.masker.mask_string(plan.workflow.name),
        workspace=str(plan.front.workspace.base),
        directory=invocation.directory if invocation is not None else os.getcwd(),
        words=invocation.words if invocation is not None and repeatable else None,
        started=time.time(),
    )
    directory = state_directory(config.state_dir, plan.front.environ)
    return open_record(directory, record, needed=config.run_id is not None or config.detach)


async def _stopped_with(cancelled: asyncio.Event, stop: Stop) -> None:
    """Stop the run when the fleet says so."""
    await cancelled.wait()
    stop.request()


class FleetBackend:
    """Backend that runs jobs on workers. With `leaves`, the run is to go on after this process.

    When it attaches to a run, it reads frames of jobs that it has not come to yet: they are kept until then.
    """

    def __init__(self, fleet: Fleet, key: str) -> None:
        self.leaves = False
        self._fleet = fleet
        self._key = key
        self._jobs: dict[int, FleetJob] = {}
        self._early: dict[int, list[Frame]] = {}
        self._room = _EARLY
        self._hearing = asyncio.Lock()
        self._numbers = {name: number for number, name in enumerate(fleet.plan.instances)}
        self._tasks: set[asyncio.Task[None]] = set()
        fleet.tell = self._tell

    @property
    def run(self) -> str:
        """The name of the run."""
        return self._fleet.run.run

    @property
    def is_cancelled(self) -> bool:
        """True if the fleet wants the run to stop."""
        return self._fleet.engine.cancelled.is_set()

    def job(
        self, instance: Instance, known: JobInputs, names: Mapping[str, str], shown: str, observer: Observer
    ) -> FleetJob:
        """Make a job, ready to run; `names` of its steps and its own name `shown` are for events, and masked."""
        number = self._numbers[instance.name]
        job = FleetJob(self._fleet, self._ticket(instance, number), instance, known, names, shown, observer)
        self._jobs[number] = job
        self._observer = observer
        if number in self._early:
            self._begin(self._catch_up(number))
        return job

    def _ticket(self, instance: Instance, number: int) -> Ticket:
        front, config = self._fleet.plan.front.config, self._fleet.plan.requests[instance.name].resolved.config
        labels = tuple(sorted(set(instance.job.runs_on)))
        queue = Queue(own_version(), self._key, labels, config.fleet_lease, instance.job.priority or 0)
        fails = config.on_worker_loss == "fail"
        return Ticket(self.run, number, queue, fails, front.fleet_run_lease, front.detach)

    async def read(self) -> None:
        """Read what workers say, no faster than it is shown."""
        try:
            async for frame in self._fleet.engine.frames():
                async with self._hearing:
                    if frame.number in self._jobs and frame.number not in self._early:
                        await self._show(frame)
                    else:
                        self._keep(frame)
        except Exception as error:
            self._fail(error)

    async def follow(self) -> None:
        """End jobs of which the engine says that no worker will."""
        async for failure in self._fleet.engine.failures():
            if failure.number in self._jobs:
                await self._jobs[failure.number].failed(failure)

    async def _show(self, frame: Frame) -> None:
        await self._jobs[frame.number].heard(frame)
        if self._observer.congested:
            await self._observer.drain()
        await self._fleet.engine.taken(frame.number, frame.seq)

    def _keep(self, frame: Frame) -> None:
        """Keep a frame until its job is there; its secrets count at once. Without room, output is left out."""
        if frame.kind == "secrets":
            with suppress(SealError, DamagedError):  # the job tells it
                self._fleet.learn(frame)
        self._room -= len(frame.sealed)
        if self._room > 0 or frame.kind != "events":
            self._early.setdefault(frame.number, []).append(frame)

    async def _catch_up(self, number: int) -> None:
        """Show the frames that came before their job."""
        try:
            async with self._hearing:
                frames = self._early.pop(number)
                if self._room <= 0:
                    self._observer.observe(Warned("output from before this process is not shown as a whole"))
                for frame in frames:
                    self._room += len(frame.sealed)
                    await self._show(frame)
        except Exception as error:
            self._fail(error)

    def _fail(self, error: Exception) -> None:
        for job in self._jobs.values():
            job.fail(error)

    def _tell(self, secrets: Known, source: int) -> None:
        """Tell all other jobs what one has found out to be secret."""

        async def tell() -> None:
            for number, job in self._jobs.items():
                if number != source:
                    await job.tell(secrets)

        self._begin(tell())

    def _begin(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
