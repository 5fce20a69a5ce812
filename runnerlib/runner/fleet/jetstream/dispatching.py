"""The dispatcher's half of NATS JetStream."""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager, suppress
from itertools import count
from typing import TYPE_CHECKING

from nats.errors import Error as NatsError
from nats.js.api import AckPolicy, ConsumerConfig, DeliverPolicy
from nats.js.errors import BadRequestError

from runnerlib._util.cancellation import cancelled
from runnerlib.runner.fleet.contract import FleetError, Frame, Ticket, WorkerFacts
from runnerlib.runner.fleet.jetstream.connection import (
    AFTER,
    ID,
    JOBS,
    LOGS,
    NEWS,
    Connection,
    consumer_of,
    facts,
    frame_headers,
    frame_of,
    queue_name,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from nats.js import JetStreamContext

    from runnerlib.runner.fleet.contract import Queue

_BATCH = 64
_AGAIN = 2.0
_BEAT = 10
_FETCH = 5.0
_LEAVING = 3.0


@asynccontextmanager
async def dispatching(url: str, run: str) -> AsyncIterator[JetStreamEngine]:
    """Enter the engine at `url` for a run. Raises ConfigError and FleetError."""
    connection = Connection(url, f"runnerlib run {run}")
    await connection.open()
    engine = JetStreamEngine(connection, run)
    try:
        await engine.enter()
        yield engine
    finally:
        await engine.close()


class JetStreamEngine:
    """The engine of one run."""

    def __init__(self, connection: Connection, run: str) -> None:
        self._connection = connection
        self._run = run
        self._queues: set[str] = set()
        self._shown: dict[int, int] = {}
        self._beating: asyncio.Task[None] | None = None
        self.most = connection.most

    async def enter(self) -> None:
        """Begin to say that the run lives. Raises FleetError."""
        await self._connection.lasting(lambda: self._connection.marks.put(f"run.{self._run}", b"lives"))
        self._beating = asyncio.get_running_loop().create_task(self._beat())

    async def submit(self, ticket: Ticket, sealed: bytes) -> None:
        """Hand in a job. Raises FleetError."""
        await self._announce(ticket.queue)
        headers = {ID: ticket.id, "Runnerlib-On-Loss": "fail" if ticket.fails_on_loss else "retry"}
        subject = self._job_subject(ticket)
        await self._connection.lasting(lambda: self._js.publish(subject, sealed, stream=JOBS, headers=headers))
        await self._publish(NEWS, b"")

    async def withdraw(self, ticket: Ticket) -> bool:
        """End a job that no worker has begun; return False when one has."""
        frame = Frame("withdrawn", ticket.number, 0, 0)
        headers = {**frame_headers(frame, self._run), AFTER: "0"}
        try:
            await self._connection.lasting(
                lambda: self._js.publish(self._log_subject(ticket.number), b"", stream=LOGS, headers=headers)
            )
        except BadRequestError:
            return False
        with suppress(NatsError, asyncio.TimeoutError):  # a worker that gets it sees that it is over
            await self._js.purge_stream(JOBS, subject=self._job_subject(ticket))
        return True

    async def stop(self, ticket: Ticket, signum: int, *, at_once: bool) -> None:
        """Leave the mark to stop a job."""
        content = json.dumps([signum, at_once]).encode()
        await self._connection.lasting(lambda: self._connection.marks.put(f"stop.{ticket.id}", content))
        await self._send(ticket.number, "stop", content)

    async def tell(self, number: int, sealed: bytes) -> None:
        """Send something to the worker of a job."""
        await self._send(number, "tell", sealed)

    async def taken(self, number: int, seq: int) -> None:
        """Tell the worker of a job that its frames up to `seq` have been shown."""
        self._shown[number] = seq
        await self._send(number, "taken", str(seq).encode())

    async def frames(self) -> AsyncIterator[Frame]:
        """Yield all frames of the run, in order; the reader may be as slow as it likes."""
        at = 0
        while True:
            name = await self._reader(at)
            try:
                waiting = await self._js.pull_subscribe_bind(name, LOGS)
                while True:
                    try:
                        messages = await waiting.fetch(_BATCH, timeout=_FETCH)
                    except TimeoutError:
                        await self._js.consumer_info(LOGS, name)
                        continue
                    for message in messages:
                        seq = message.metadata.sequence.stream
                        if seq > at:
                            at = seq
                            yield frame_of(message.subject, message.headers, message.data)
            except (TimeoutError, NatsError, OSError):  # the server was away, and our reader with it
                if self._connection.client.is_closed:
                    raise FleetError("the connection to the fleet was closed") from None
                await asyncio.sleep(1)

    async def _reader(self, at: int) -> str:
        """Make a reader of the log behind the message `at`; it goes by itself when nobody reads."""
        config = ConsumerConfig(
            filter_subject=f"runnerlib.logs.{self._run}.>",
            deliver_policy=DeliverPolicy.BY_START_SEQUENCE,
            opt_start_seq=at + 1,
            ack_policy=AckPolicy.NONE,
            inactive_threshold=60.0,
            mem_storage=True,
        )
        found = await self._connection.lasting(lambda: self._js.add_consumer(LOGS, config))
        return found.name

    async def workers(self) -> tuple[WorkerFacts, ...]:
        """Return the workers that there are."""
        try:
            found = await self._connection.listed(self._connection.workers, ">")
        except (TimeoutError, NatsError, OSError):
            return ()
        return tuple(map(facts, found))

    async def close(self) -> None:
        """Forget the run, and leave."""
        if self._beating is not None:
            await cancelled(self._beating)
        with suppress(NatsError, asyncio.TimeoutError, OSError, FleetError):
            async with asyncio.timeout(_LEAVING):
                await self._connection.marks.delete(f"run.{self._run}")
                for name in self._queues:
                    await self._js.purge_stream(JOBS, subject=f"runnerlib.jobs.{name}.{self._run}.>")
                await self._js.purge_stream(LOGS, subject=f"runnerlib.logs.{self._run}.>")
        await self._connection.close()

    @property
    def _js(self) -> JetStreamContext:
        return self._connection.js

    def _job_subject(self, ticket: Ticket) -> str:
        return f"runnerlib.jobs.{queue_name(ticket.queue)}.{self._run}.{ticket.number}"

    def _log_subject(self, number: int) -> str:
        return f"runnerlib.logs.{self._run}.{number}"

    async def _announce(self, queue: Queue) -> None:
        """Make a queue, and tell workers of it."""
        name = queue_name(queue)
        if name in self._queues:
            return
        self._queues.add(name)
        await self._connection.lasting(lambda: self._js.add_consumer(JOBS, consumer_of(queue)))
        await self._connection.lasting(lambda: self._connection.queues.put(name, json.dumps(queue).encode()))

    async def _send(self, number: int, what: str, content: bytes) -> None:
        await self._publish(f"runnerlib.to.{self._run}.{number}.{what}", content)

    async def _publish(self, subject: str, content: bytes) -> None:
        with suppress(NatsError, OSError):  # it is said again, or looked for
            await self._connection.client.publish(subject, content)

    async def _beat(self) -> None:
        """Say that the run lives, and again what has been shown, which may have been lost."""
        for beat in count(1):
            await asyncio.sleep(_AGAIN)
            for number, seq in list(self._shown.items()):
                await self._send(number, "taken", str(seq).encode())
            if beat % _BEAT == 0:
                await self._connection.lasting(lambda: self._connection.marks.put(f"run.{self._run}", b"lives"))
