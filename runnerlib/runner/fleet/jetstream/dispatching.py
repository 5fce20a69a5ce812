"""The dispatcher's half of NATS JetStream."""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager, suppress
from itertools import count
from typing import TYPE_CHECKING, NamedTuple

from nats.errors import Error as NatsError
from nats.js.api import AckPolicy, ConsumerConfig, DeliverPolicy
from nats.js.errors import BadRequestError, NotFoundError

from runnerlib._util.cancellation import cancelled
from runnerlib.errors import ConfigError
from runnerlib.runner.fleet.contract import Failure, FleetError, Frame, RunEntry, Ticket, Why
from runnerlib.runner.fleet.jetstream.connection import (
    AFTER,
    ID,
    JOBS,
    LOGS,
    NEWS,
    WRONG_LAST,
    Connection,
    consumer_of,
    facts,
    frame_headers,
    frame_of,
    queue_name,
    run_entry,
)
from runnerlib.runner.fleet.waiting import waiting_for

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from nats.aio.msg import Msg
    from nats.js import JetStreamContext
    from nats.js.kv import KeyValue

    from runnerlib.runner.fleet.contract import Queue, RunState

_BATCH = 64
_AGAIN = 2.0
_BEAT = 10
_FETCH = 5.0
_LEAVING = 3.0


class RunTerms(NamedTuple):
    """The terms of a run: its lease in seconds, whether it goes on without a dispatcher, and when it has started.

    `begun` says that it had a dispatcher before.
    """

    run: str
    lease: float
    detached: bool
    started: float
    begun: bool = False


@asynccontextmanager
async def dispatching(url: str, terms: RunTerms, *, own: bool = False) -> AsyncIterator[JetStreamEngine]:
    """Enter the engine at `url` for a run; one that ends is to be closed. Raises ConfigError and FleetError.

    `own` says that each job has a worker made for it, and a queue that no other worker knows.
    """
    connection = Connection(url, f"runnerlib run {terms.run}")
    await connection.open()
    engine = JetStreamEngine(connection, terms, own=own)
    try:
        await engine.enter()
        yield engine
    finally:
        await engine.close(ended=False)
        await connection.close()


class JetStreamEngine:
    """The engine of one run."""

    def __init__(self, connection: Connection, terms: RunTerms, *, own: bool = False) -> None:
        self._connection = connection
        self._terms = terms
        self._own = own
        self._run = terms.run
        self._queues: set[str] = set()
        self._shown: dict[int, int] = {}
        self._withdrawn: set[int] = set()
        self._submitting = asyncio.Lock()  # jobs come into a queue in the order of the run
        self._beating: asyncio.Task[None] | None = None
        self._lives: KeyValue
        self.most = connection.most
        self.known = False
        self.cancelled = asyncio.Event()

    async def enter(self) -> None:
        """Look for the run, and begin to say that it lives. Raises ConfigError and FleetError."""
        self._lives = await self._connection.lives(self._terms.lease)
        entry = await self._entry()
        self.known = entry is not None and entry.state != "ended"
        if self.known and not self._terms.begun:
            raise ConfigError(f"run '{self._run}' is another user's or another machine's; give another --run-id")
        if self._terms.begun and not self.known:
            raise ConfigError(f"the fleet does not know run '{self._run}' any more; give another --run-id")
        if entry is not None and entry.state == "cancelled":
            self.cancelled.set()
        if not self.known:
            await self._enter_as("running")
        await self._live()
        await self._connection.client.subscribe(f"runnerlib.to.{self._run}.all.stop", cb=self._nudge)
        self._beating = asyncio.get_running_loop().create_task(self._beat())

    async def submit(self, ticket: Ticket, sealed: bytes) -> None:
        """Hand in a job. Raises FleetError."""
        headers = {
            ID: ticket.id,
            AFTER: "0",  # there is no job of this number in the queue
            "Runnerlib-On-Loss": "fail" if ticket.fails_on_loss else "retry",
            "Runnerlib-Run-Lease": repr(ticket.run_lease),
            "Runnerlib-Detached": str(int(ticket.detached)),
        }
        subject = self._job_subject(ticket)
        async with self._submitting:
            await self._announce(ticket.queue)
            try:
                await self._connection.lasting(lambda: self._js.publish(subject, sealed, stream=JOBS, headers=headers))
            except BadRequestError as error:
                if error.err_code != WRONG_LAST:
                    raise self._connection.error("the fleet took no job", error) from None
        await self._publish(NEWS, b"")

    async def withdraw(self, ticket: Ticket, sealed: bytes) -> bool:
        """End a job that no worker has begun, with its outcome; return False when one has."""
        frame = Frame("withdrawn", ticket.number, 0, 0)
        headers = {**frame_headers(frame, self._run), AFTER: "0"}
        try:
            await self._connection.lasting(
                lambda: self._js.publish(self._log_subject(ticket.number), sealed, stream=LOGS, headers=headers)
            )
        except BadRequestError:
            return False
        self._withdrawn.add(ticket.number)
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
            try:
                name = await self._reader(at)
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
                await self._connection.check_store()
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

    async def waits(self, ticket: Ticket) -> Why | None:
        """Return why no worker takes a job; None while the server does not answer."""
        try:
            found = await self._connection.listed(self._connection.workers, ">")
        except (TimeoutError, NatsError, OSError):
            return None
        return waiting_for(ticket.queue, map(facts, found))

    async def failures(self) -> AsyncIterator[Failure]:
        """Yield nothing: a job whose worker is lost goes to another one."""
        nothing: tuple[Failure, ...] = ()
        for failure in nothing:
            yield failure

    async def close(self, *, ended: bool) -> None:
        """Leave; forget the run if it has ended."""
        if self._beating is not None:
            await cancelled(self._beating)
        if not ended:
            return
        with suppress(NatsError, asyncio.TimeoutError, OSError, FleetError):
            async with asyncio.timeout(_LEAVING):
                await self._enter_as("ended")
                await self._lives.delete(self._run)
                for name in self._queues:
                    await self._js.purge_stream(JOBS, subject=f"runnerlib.jobs.{name}.{self._run}.>")
                    if self._own:
                        await self._js.delete_consumer(JOBS, name)
                for subject in self._log_subjects():
                    await self._js.purge_stream(LOGS, subject=subject)

    def _log_subjects(self) -> Iterator[str]:
        """Yield the subjects of the log that are purged.

        The end of a job that was withdrawn stays: a worker may be about to begin it, and is refused for that.
        """
        if not self._withdrawn:
            yield f"runnerlib.logs.{self._run}.>"
        yield from map(self._log_subject, self._shown.keys() - self._withdrawn if self._withdrawn else ())

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
        if not self._own:
            await self._connection.lasting(lambda: self._connection.queues.put(name, json.dumps(queue).encode()))

    async def _send(self, number: int, what: str, content: bytes) -> None:
        await self._publish(f"runnerlib.to.{self._run}.{number}.{what}", content)

    async def _publish(self, subject: str, content: bytes) -> None:
        with suppress(NatsError, OSError):  # it is said again, or looked for
            await self._connection.client.publish(subject, content)

    async def _nudge(self, _message: Msg) -> None:
        self.cancelled.set()

    async def _entry(self) -> RunEntry | None:
        """Return the entry of the run that everybody sees; None before there is one."""
        try:
            found = await self._connection.lasting(lambda: self._connection.runs.get(self._run))
        except NotFoundError:
            return None
        return run_entry(found.value or b"")

    async def _enter_as(self, state: RunState) -> None:
        entry = RunEntry(self._run, state, self._terms.detached, self._terms.lease, self._terms.started)
        content = json.dumps(entry).encode()
        await self._connection.lasting(lambda: self._connection.runs.put(self._run, content))

    async def _live(self) -> None:
        await self._connection.lasting(lambda: self._lives.put(self._run, b"lives"))

    async def _beat(self) -> None:
        """Say that the run lives, and again what has been shown, which may have been lost."""
        pause = min(_AGAIN, self._terms.lease / 10)
        often = max(min(round(self._terms.lease / 10 / pause), _BEAT), 1)
        for beat in count(1):
            self._connection.back.clear()
            with suppress(asyncio.TimeoutError):
                await asyncio.wait_for(self._connection.back.wait(), pause)
            for number, seq in list(self._shown.items()):
                await self._send(number, "taken", str(seq).encode())
            if beat % often == 0 or self._connection.back.is_set():
                with suppress(FleetError):  # the reader of the log says it, too
                    await self._live()
                    entry = await self._entry()
                    if entry is not None and entry.state == "cancelled":
                        self.cancelled.set()
