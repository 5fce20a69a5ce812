"""A worker of a fleet: takes jobs for its slots until it is told to leave, then finishes those that it has."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
from typing import TYPE_CHECKING, NamedTuple

from runnerlib._util.objects.address import open_store
from runnerlib.errors import ConfigError, one_line
from runnerlib.output.telemetry.figures import Figures
from runnerlib.runner.fleet.contract import WorkerFacts, WorkerState
from runnerlib.runner.fleet.delivery import Counts, Delivery, Setup
from runnerlib.runner.fleet.engines import server_of
from runnerlib.runner.fleet.envelope import facts
from runnerlib.runner.fleet.extra import own_version
from runnerlib.runner.fleet.health import answering, listening_address
from runnerlib.runner.fleet.keys import read_key
from runnerlib.runner.fleet.only_job import GIVEN_BACK, OnlyJob, read_job
from runnerlib.runner.fleet.zygote import start_zygote
from runnerlib.runner.supervision import uvloop_factory

if TYPE_CHECKING:
    from collections.abc import Sequence

    from runnerlib.runner.fleet.contract import Source

_TURN = 1.0
_LATER = 0.02  # the job that was just taken comes first
_NAME = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_"


class WorkerOptions(NamedTuple):
    """The options of a worker: its fleet and key, labels beside those of the machine, slots, name, directory, store."""

    fleet: str
    key_file: str
    labels: Sequence[str]
    slots: int
    name: str
    directory: str
    health: str = ""
    store: str | None = None
    job: str | None = None
    """The directory of the only job to run, as an engine that makes a worker for each job has written it."""


def run_worker(options: WorkerOptions) -> int:
    """Work until a signal, and return the exit code. Raises ConfigError and FleetError."""
    name = options.name or "".join(one if one in _NAME else "-" for one in socket.gethostname())
    if not name or set(name) - set(_NAME):
        raise ConfigError(f"the name of a worker has letters, digits, '-' and '_', got '{one_line(name)}'")
    address = listening_address(options.health) if options.health else None
    zygote = start_zygote()  # before there is a secret, a thread or a connection
    try:
        key = read_key(options.key_file)
        if not key.private:
            raise ConfigError(f"a worker needs the whole key, '{one_line(options.key_file)}' has its public half alone")
        if options.store is not None:
            open_store(options.store, os.environ)  # what is wrong with the address is told now
        labels = tuple(dict.fromkeys((*options.labels, *facts())))
        worker = WorkerFacts(name, own_version(), key.fingerprint, labels, options.slots)
        setup = Setup(
            name, key, options.directory, zygote.agent, zygote.prepare, _say, Counts(), Figures(), options.store
        )
        only = read_job(options.job) if options.job is not None else None
        if only is not None:
            if only.ticket.queue.version != worker.version:
                told = f"this worker is runnerlib {worker.version}, and its dispatcher is {only.ticket.queue.version}"
                raise ConfigError(told)
            if only.ticket.queue.key != worker.key:
                raise ConfigError("the worker has another key than its dispatcher")
        made = _Worker(worker, setup, only)
        with asyncio.Runner(loop_factory=uvloop_factory()) as loop:
            loop.run(made.run(server_of(options.fleet), address))
    finally:
        zygote.close()
    return made.code


def _say(text: str) -> None:
    sys.stderr.write(f"runnerlib worker: {one_line(text)}\n")
    sys.stderr.flush()


class _Worker:
    """The jobs of a worker."""

    def __init__(self, worker: WorkerFacts, setup: Setup, only: OnlyJob | None = None) -> None:
        self._worker = worker
        self._only = only
        self.code = 0 if only is None else GIVEN_BACK
        self._setup = setup
        self._leaving = asyncio.Event()
        self._running: dict[asyncio.Task[None], Delivery] = {}
        self._source: Source | None = None

    async def run(self, fleet: str, health: tuple[str, int] | None) -> None:
        """Take jobs until a signal comes; then end those that run."""
        async with answering(health, self._state, self._figures) as port:
            if port:
                _say(f"answers at port {port}")
            await self._run(fleet)

    def _state(self) -> WorkerState:
        """Return what the worker is doing."""
        connected, leaving, counts = (
            self._source is not None and self._source.connected,
            self._leaving.is_set(),
            self._setup.counts,
        )
        ready = connected and not leaving
        name, slots = self._worker.name, self._worker.slots
        return WorkerState(name, ready, leaving, connected, slots, len(self._running), counts.ended, counts.lost)

    def _figures(self) -> str:
        """Return the figures of the worker and its jobs, as Prometheus reads them."""
        state, figures = self._state(), self._setup.figures
        figures.set("build_info", self._worker.version, value=1)
        figures.set("worker_ready", state.name, value=state.ready)
        figures.set("worker_slots", state.name, value=state.slots)
        figures.set("worker_running_jobs", state.name, value=state.running)
        figures.set("worker_ended_jobs_total", state.name, value=state.ended)
        figures.set("worker_lost_leases_total", state.name, value=state.lost)
        return figures.text()

    async def _run(self, fleet: str) -> None:
        from runnerlib.runner.fleet.jetstream import taking

        source = self._source = await taking(fleet, self._worker, self._state, only=self._only and self._only.ticket)
        self._setup.prepare()
        loop = asyncio.get_running_loop()
        for signum in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(signum, self._leave)
        labels, slots = ",".join(self._worker.labels), self._worker.slots
        _say(f"'{self._worker.name}' takes jobs, {slots} at a time, labels {labels}")
        try:
            while not self._leaving.is_set():
                await self._turn(source)
            if self._running:
                _say(f"takes no more jobs, {len(self._running)} to finish")
                await asyncio.wait(self._running)
        finally:
            await source.close()

    async def _turn(self, source: Source) -> None:
        """Take one job, or wait for a slot."""
        leaving = asyncio.ensure_future(self._leaving.wait())
        try:
            if len(self._running) >= self._worker.slots:
                await asyncio.wait((*self._running, leaving), return_when=asyncio.FIRST_COMPLETED)
                return
            lease = await source.take(_TURN)
            if lease is None:
                await self._look(source)
                return
            if self._leaving.is_set():
                await lease.give_back()
                return
            if self._only is not None:
                lease.sealed = self._only.sealed
                self._leaving.set()
            else:
                asyncio.get_running_loop().call_later(_LATER, self._setup.prepare)
            delivery = Delivery(self._setup, lease)
            task = asyncio.get_running_loop().create_task(delivery.run())
            self._running[task] = delivery
            task.add_done_callback(self._ended)
        finally:
            leaving.cancel()

    async def _look(self, source: Source) -> None:
        """Leave when the only job of the worker is over without it."""
        if self._only is not None and await source.is_over(self._only.ticket):
            self.code = 0
            self._leaving.set()

    def _ended(self, task: asyncio.Task[None]) -> None:
        if self._running.pop(task).is_over:
            self.code = 0
        if not task.cancelled() and (error := task.exception()) is not None:
            _say(f"a job could not be run: {type(error).__name__}: {error}")

    def _leave(self) -> None:
        """Take no more; at the second signal, stop what runs. The only job of a worker goes to another one."""
        if self._only is not None:
            for delivery in self._running.values():
                delivery.hand_back()
            self._leaving.set()
            return
        if self._leaving.is_set():
            for delivery in self._running.values():
                delivery.stop(signal.SIGTERM, at_once=False)
        self._leaving.set()
