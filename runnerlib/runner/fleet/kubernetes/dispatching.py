"""The dispatcher's half of Kubernetes: a Job for each job, and what becomes of its pods."""

from __future__ import annotations

import asyncio
import os
from contextlib import ExitStack, asynccontextmanager, suppress
from functools import partial
from typing import TYPE_CHECKING

from runnerlib._util.cancellation import cancelled
from runnerlib._util.threads import Cancellation
from runnerlib.runner.fleet import jetstream
from runnerlib.runner.fleet.contract import LAST, FleetError
from runnerlib.runner.fleet.kubernetes import manifest
from runnerlib.runner.fleet.kubernetes.access import access_to
from runnerlib.runner.fleet.kubernetes.client import ApiClient
from runnerlib.runner.fleet.kubernetes.judging import failure, why_waiting
from runnerlib.runner.workflow.threads import in_thread

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping
    from typing import Any

    from runnerlib.runner.fleet.contract import Failure, Frame, Ticket, Why
    from runnerlib.runner.fleet.jetstream import JetStreamEngine, RunTerms
    from runnerlib.runner.fleet.kubernetes.address import Cluster

_BATCH, _CORE = "apis/batch/v1", "api/v1"
_LARGEST = 700_000
"""The largest envelope: a Secret has a megabyte, and base64 takes a third of it."""
_LOOKS = 2.0
_LEAVING = 10.0


@asynccontextmanager
async def dispatching(cluster: Cluster, terms: RunTerms) -> AsyncIterator[KubernetesEngine]:
    """Enter a cluster for a run; one that ends is to be closed. Raises ConfigError and FleetError."""
    cancellation = Cancellation()
    with ExitStack() as held:
        client = ApiClient(access_to(cluster, os.environ, held), cancellation.check)
        await in_thread(partial(client.listed, _BATCH, "jobs", manifest.selector(terms.run)))
        async with jetstream.dispatching(cluster.server, terms, own=True) as server:
            engine = KubernetesEngine(cluster, client, server, terms.run)
            try:
                yield engine
            finally:
                await engine.close(ended=False)
                cancellation.flag[0] = 1


class KubernetesEngine:
    """The engine of one run: the cluster makes workers, the server carries what they say."""

    def __init__(self, cluster: Cluster, client: ApiClient, server: JetStreamEngine, run: str) -> None:
        self._cluster = cluster
        self._client = client
        self._server = server
        self._run = run
        self._tickets: dict[int, Ticket] = {}
        self._pods: dict[int, list[Mapping[str, Any]]] = {}
        self._jobs: dict[int, Mapping[str, Any]] = {}
        self._looked = False
        self._failures: asyncio.Queue[Failure] = asyncio.Queue()
        self._suspects: dict[int, Failure] = {}
        self._looking: asyncio.Task[None] | None = None
        self.most = min(server.most, _LARGEST)
        self.known = server.known
        self.cancelled = server.cancelled

    async def submit(self, ticket: Ticket, sealed: bytes) -> None:
        """Hand in a job. Raises FleetError."""
        own = _with_own_queue(ticket)
        await self._server.submit(own, b"")
        labels = ticket.queue.labels
        made = await in_thread(partial(self._client.make, _BATCH, "jobs", manifest.job(own, self._cluster, labels)))
        await in_thread(partial(self._client.make, _CORE, "secrets", manifest.secret(own, sealed, made)))
        self._tickets[ticket.number] = own
        if self._looking is None:
            self._looking = asyncio.get_running_loop().create_task(self._look())

    async def withdraw(self, ticket: Ticket, sealed: bytes) -> bool:
        """End a job that no worker has begun, with its outcome; return False when one has."""
        done = await self._server.withdraw(_with_own_queue(ticket), sealed)
        if done:
            self._tickets.pop(ticket.number, None)
            await self._remove(ticket)
        return done

    async def stop(self, ticket: Ticket, signum: int, *, at_once: bool) -> None:
        """Leave the mark to stop a job."""
        await self._server.stop(ticket, signum, at_once=at_once)

    async def tell(self, number: int, sealed: bytes) -> None:
        """Send something to the worker of a job."""
        await self._server.tell(number, sealed)

    async def taken(self, number: int, seq: int) -> None:
        """Tell the worker of a job that its frames up to `seq` have been shown."""
        await self._server.taken(number, seq)

    async def frames(self) -> AsyncIterator[Frame]:
        """Yield all frames of the run, in order; the reader may be as slow as it likes."""
        async for frame in self._server.frames():
            if frame.kind in LAST:
                self._tickets.pop(frame.number, None)
            yield frame

    async def waits(self, ticket: Ticket) -> Why | None:
        """Return why a job has not begun; None before the cluster was asked."""
        return why_waiting(self._pods.get(ticket.number, [])) if self._looked else None

    async def failures(self) -> AsyncIterator[Failure]:
        """Yield the ends of jobs that no worker will tell."""
        while True:
            yield await self._failures.get()

    async def close(self, *, ended: bool) -> None:
        """Leave; forget the run if it has ended, and remove what it has in the cluster."""
        if self._looking is not None:
            await cancelled(self._looking)
            self._looking = None
        if ended:
            with suppress(FleetError, TimeoutError):
                async with asyncio.timeout(_LEAVING):
                    await in_thread(partial(self._client.remove_all, _BATCH, "jobs", manifest.selector(self._run)))
        await self._server.close(ended=ended)

    async def _remove(self, ticket: Ticket) -> None:
        with suppress(FleetError):  # its deadline ends it, or the end of the run
            await in_thread(partial(self._client.remove, _BATCH, "jobs", manifest.name_in_cluster(ticket)))

    async def _look(self) -> None:
        """Look at the pods of the run again and again; what is seen twice is so."""
        chosen = manifest.selector(self._run)
        while True:
            asked = dict(self._tickets)
            with suppress(FleetError):
                jobs = await in_thread(partial(self._client.listed, _BATCH, "jobs", chosen))
                pods = await in_thread(partial(self._client.listed, _CORE, "pods", chosen))
                self._jobs = {_number(job): job for job in jobs}
                self._pods = {}
                for pod in pods:
                    self._pods.setdefault(_number(pod), []).append(pod)
                self._looked = True
                for number, ticket in asked.items():
                    await self._judge(number, ticket)
            await asyncio.sleep(_LOOKS)

    async def _judge(self, number: int, ticket: Ticket) -> None:
        found = failure(number, self._jobs.get(number), self._pods.get(number, []))
        if found is None or number not in self._tickets:
            self._suspects.pop(number, None)
        elif self._suspects.get(number) is None:
            self._suspects[number] = found
        else:
            self._tickets.pop(number)
            self._failures.put_nowait(found)
            await self._remove(ticket)


def _with_own_queue(ticket: Ticket) -> Ticket:
    """Return the ticket with a queue that only the worker of its pod knows."""
    labels = (*ticket.queue.labels, f"job:{ticket.id}")
    return ticket._replace(queue=ticket.queue._replace(labels=labels))


def _number(found: Mapping[str, Any]) -> int:
    try:
        return int(found["metadata"]["labels"][manifest.NUMBER])
    except (KeyError, TypeError, ValueError):
        return -1
