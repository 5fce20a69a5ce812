"""Backend of a workflow that runs its jobs on the workers of a fleet."""

from __future__ import annotations

import asyncio
import os
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from runnerlib._util.cancellation import cancelled
from runnerlib.masking.known import KnownSecrets
from runnerlib.runner.fleet.contract import Queue, Ticket
from runnerlib.runner.fleet.extra import own_version, require
from runnerlib.runner.fleet.job import Fleet, FleetJob

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping
    from pathlib import Path

    from runnerlib.events import Observer
    from runnerlib.masking.known import Known
    from runnerlib.pipeline.workflow import Instance
    from runnerlib.runner.workflow.backend import JobInputs
    from runnerlib.runner.workflow.plan import WorkflowPlan


@asynccontextmanager
async def fleet_backend(plan: WorkflowPlan, records: Path) -> AsyncIterator[FleetBackend]:
    """Enter the fleet that the settings name. Raises ConfigError and FleetError."""
    require()
    from runnerlib.runner.fleet.jetstream import dispatching
    from runnerlib.runner.fleet.keys import read_key

    config, masker = plan.front.config, plan.masker
    assert isinstance(masker, KnownSecrets)  # noqa: S101 - the services of a run on a fleet have one
    key = read_key(config.fleet_key_file or "")
    run = os.urandom(8).hex()
    async with dispatching(config.fleet or "", run) as engine:
        fleet = Fleet(plan, engine, masker, key.public, records)
        backend = FleetBackend(fleet, run, key.fingerprint)
        reading = asyncio.get_running_loop().create_task(backend.read())
        try:
            yield backend
        finally:
            await cancelled(reading)


class FleetBackend:
    """Backend that runs jobs on workers."""

    def __init__(self, fleet: Fleet, run: str, key: str) -> None:
        self._fleet = fleet
        self._run = run
        self._key = key
        self._jobs: dict[int, FleetJob] = {}
        self._numbers = {name: number for number, name in enumerate(fleet.plan.instances)}
        self._telling: set[asyncio.Task[None]] = set()
        fleet.tell = self._tell

    def job(
        self, instance: Instance, known: JobInputs, names: Mapping[str, str], shown: str, observer: Observer
    ) -> FleetJob:
        """Make a job, ready to run; `names` of its steps and its own name `shown` are for events, and masked."""
        number = self._numbers[instance.name]
        config = self._fleet.plan.requests[instance.name].resolved.config
        queue = Queue(own_version(), self._key, tuple(sorted(set(instance.job.runs_on))), config.fleet_lease)
        ticket = Ticket(self._run, number, queue, config.on_worker_loss == "fail")
        job = FleetJob(self._fleet, ticket, instance, known, names, shown, observer)
        self._jobs[number] = job
        self._observer = observer
        return job

    async def read(self) -> None:
        """Read what workers say, no faster than it is shown."""
        try:
            async for frame in self._fleet.engine.frames():
                job = self._jobs.get(frame.number)
                if job is None:
                    continue
                await job.heard(frame)
                if self._observer.congested:
                    await self._observer.drain()
                await self._fleet.engine.taken(frame.number, frame.seq)
        except Exception as error:
            for job in self._jobs.values():
                job.fail(error)

    def _tell(self, secrets: Known, source: int) -> None:
        """Tell all other jobs what one has found out to be secret."""

        async def tell() -> None:
            for number, job in self._jobs.items():
                if number != source:
                    await job.tell(secrets)

        task = asyncio.get_running_loop().create_task(tell())
        self._telling.add(task)
        task.add_done_callback(self._telling.discard)
