"""A worker's half of NATS JetStream."""

from __future__ import annotations

import asyncio
import json
import signal
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING

from nats.errors import Error as NatsError
from nats.js.errors import APIError, BadRequestError, NotFoundError

from runnerlib._util.cancellation import cancelled
from runnerlib.runner.fleet.contract import LAST, Begun, FleetError, LeaseLostError, StoreLostError, Ticket, Verdict
from runnerlib.runner.fleet.jetstream.connection import (
    AFTER,
    JOBS,
    LOGS,
    NEWS,
    WHO,
    WRONG_LAST,
    Connection,
    frame_headers,
    frame_of,
    queue_name,
    queue_of,
    run_entry,
)

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from nats.aio.msg import Msg
    from nats.aio.subscription import Subscription
    from nats.js.kv import KeyValue

    from runnerlib.runner.fleet.contract import Frame, Queue, WorkerFacts, WorkerState

_AT_ONCE = b'{"batch":1,"no_wait":true}'
_LOOK = 1.0
_FRESH = 15.0
_PRESENT = 20.0
_PATIENCE = 5.0
_LEAVING = 3.0
_RETURNS = 30.0
_MOMENT = 1_000_000_000


async def taking(
    url: str, worker: WorkerFacts, state: Callable[[], WorkerState] | None = None, only: Ticket | None = None
) -> JetStreamSource:
    """Enter the engine at `url` as a worker that tells its `state`. Raises ConfigError and FleetError.

    With `only` it was made for this job, and looks for no other.
    """
    connection = Connection(url, f"runnerlib worker {worker.name}")
    await connection.open()
    source = JetStreamSource(connection, worker, state, only)
    await source.enter()
    return source


class JetStreamSource:
    """The jobs that a worker can take."""

    def __init__(
        self,
        connection: Connection,
        worker: WorkerFacts,
        state: Callable[[], WorkerState] | None = None,
        only: Ticket | None = None,
    ) -> None:
        self._connection = connection
        self._worker = worker
        self._state = state
        self._only = only
        self._queues: dict[str, Queue] = {} if only is None else {queue_name(only.queue): only.queue}
        self._news = asyncio.Event()
        self._listed = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    async def enter(self) -> None:
        """Say that the worker is there, and look for queues. Raises FleetError."""
        await self._connection.client.subscribe(NEWS, cb=self._nudge)
        await self._connection.client.subscribe(WHO, cb=self._tell)
        await self._present()
        loop = asyncio.get_running_loop()
        self._tasks = [loop.create_task(self._stay())]
        if self._only is None:
            self._tasks.append(loop.create_task(self._follow()))
        else:
            self._listed.set()

    async def take(self, timeout: float) -> JetStreamLease | None:
        """Return the next job; None when there is none within `timeout` seconds."""
        end = asyncio.get_running_loop().time() + timeout
        if not self._listed.is_set():  # the first queue that is seen may not be that of the highest priority
            with suppress(asyncio.TimeoutError):
                await asyncio.wait_for(self._listed.wait(), timeout)
        while True:
            self._news.clear()
            for name, queue in sorted(self._queues.items(), key=lambda item: -item[1].priority):
                message = await self._next(name)
                if message is not None:
                    return JetStreamLease(self._connection, queue, message)
            left = end - asyncio.get_running_loop().time()
            if left <= 0:
                return None
            with suppress(asyncio.TimeoutError):
                await asyncio.wait_for(self._news.wait(), min(left, _LOOK))

    async def is_over(self, ticket: Ticket) -> bool:
        """Return whether a job needs no worker any more. Raises FleetError."""
        get = self._connection.lasting
        try:
            found = await get(
                lambda: self._connection.js.get_last_msg(LOGS, f"runnerlib.logs.{ticket.run}.{ticket.number}")
            )
        except NotFoundError:
            pass
        else:
            if (found.headers or {}).get("Runnerlib-Kind") in LAST:
                return True
        try:
            entry = await get(lambda: self._connection.runs.get(ticket.run))
        except NotFoundError:
            return True
        return run_entry(entry.value or b"").state == "ended"

    async def _next(self, name: str) -> Msg | None:
        """Return the next message of a queue without waiting for one: a request that waits may bring one too late."""
        try:
            found = await self._connection.client.request(
                f"$JS.API.CONSUMER.MSG.NEXT.{JOBS}.{name}",
                _AT_ONCE,
                timeout=_PATIENCE,
                old_style=True,  # what comes has the subject of the job, by which the new style finds no caller
            )
        except (TimeoutError, NatsError, OSError):
            if self._connection.client.is_closed:
                raise FleetError("the connection to the fleet was closed") from None
            return None
        return found if found.reply else None

    @property
    def connected(self) -> bool:
        """True while the server is reached."""
        return self._connection.client.is_connected

    async def _nudge(self, _message: Msg) -> None:
        self._news.set()

    async def _tell(self, message: Msg) -> None:
        """Tell the state of the worker."""
        if self._state is not None and message.reply:
            await self._connection.client.publish(message.reply, json.dumps(self._state()).encode())

    async def _follow(self) -> None:
        """Follow the list of queues."""
        while True:
            with suppress(NatsError, OSError, asyncio.TimeoutError):
                watcher = await self._connection.queues.watchall()
                try:
                    while True:
                        entry = await watcher.updates(_FRESH)
                        if entry is None:
                            self._listed.set()
                        elif entry.value:
                            queue = queue_of(entry.value)
                            if queue is not None and queue.serves(self._worker):
                                self._queues.setdefault(entry.key, queue)
                                self._news.set()
                finally:
                    with suppress(NatsError, OSError):
                        await watcher.stop()
            await asyncio.sleep(_LOOK)

    async def _stay(self) -> None:
        while True:
            await asyncio.sleep(_PRESENT)
            try:
                await self._present()
            except StoreLostError:  # new runs find a fleet without the old ones
                with suppress(NatsError, OSError, asyncio.TimeoutError):
                    await self._connection.make()

    async def _present(self) -> None:
        key, content = self._worker.name, json.dumps(self._worker).encode()
        await self._connection.lasting(lambda: self._connection.workers.put(key, content))

    async def close(self) -> None:
        """Take no more, and leave."""
        await cancelled(*self._tasks)
        with suppress(NatsError, OSError, asyncio.TimeoutError):
            async with asyncio.timeout(_LEAVING):
                await self._connection.workers.delete(self._worker.name)
        await self._connection.close()


class JetStreamLease:
    """A job that a worker has taken."""

    def __init__(self, connection: Connection, queue: Queue, message: Msg) -> None:
        self._connection = connection
        self._reply = message.reply
        self._last = 0
        self._heard: list[Subscription] = []
        run, number = message.subject.split(".")[-2:]
        headers = message.headers or {}
        self.ticket = Ticket(
            run,
            int(number),
            queue,
            fails_on_loss=headers.get("Runnerlib-On-Loss") == "fail",
            run_lease=float(headers.get("Runnerlib-Run-Lease", 0) or Ticket._field_defaults["run_lease"]),
            detached=headers.get("Runnerlib-Detached") == "1",
        )
        self._unread_since: float | None = None
        self.sealed: bytes = message.data
        self.most = connection.most

    async def begun(self) -> Begun:
        """Return what was said of the job before."""
        try:
            found = await self._connection.lasting(lambda: self._connection.js.get_last_msg(LOGS, self._subject))
        except NotFoundError:
            self._last = 0
            return Begun(None)
        self._last = found.seq or 0
        return Begun(frame_of(self._subject, found.headers, found.data))

    async def put(self, frame: Frame) -> None:
        """Append a frame. Raises LeaseLostError."""
        headers = {**frame_headers(frame, self.ticket.run), AFTER: str(self._last)}
        try:
            done = await self._connection.lasting(
                lambda: self._connection.js.publish(self._subject, frame.sealed, stream=LOGS, headers=headers)
            )
        except BadRequestError as error:
            if error.err_code != WRONG_LAST:
                raise self._connection.error("the fleet took no output", error) from None
            raise LeaseLostError("another worker has begun the job, or it is over") from None
        self._last = done.seq

    async def renew(self) -> Verdict:
        """Renew the lease; returns only once the engine has confirmed it. Raises FleetError."""
        ticket = self.ticket
        try:
            await self._connection.client.request(self._reply, b"+WPI", timeout=max(ticket.queue.lease / 6, 0.5))
            if stop := await self._value(self._connection.marks, f"stop.{ticket.id}"):
                return Verdict(*json.loads(stop))
            entry = await self._value(self._connection.runs, ticket.run)
            if entry is not None and run_entry(entry).state == "cancelled":
                return Verdict(signal.SIGTERM)
            lives = await self._value(await self._connection.lives(ticket.run_lease), ticket.run)
        except (TimeoutError, NatsError, OSError) as error:
            raise self._connection.error("the lease was not renewed", error) from None
        return self._unread(unread=lives is None)

    def _unread(self, *, unread: bool) -> Verdict:
        """Return the verdict of a run that may have no dispatcher.

        It has some time to come back after the server was away longer than the lease of the run.
        """
        at = asyncio.get_running_loop().time()
        self._unread_since = (self._unread_since or at) if unread else None
        waited = at - (self._unread_since or at)
        return Verdict(unread=unread, orphaned=unread and not self.ticket.detached and waited >= self._patience)

    @property
    def _patience(self) -> float:
        return min(self.ticket.run_lease / 5, _RETURNS)

    async def _value(self, bucket: KeyValue, key: str) -> bytes | None:
        try:
            return (await bucket.get(key)).value
        except NotFoundError:
            return None

    async def done(self) -> None:
        """End the lease after the last frame."""
        with suppress(APIError, FleetError):
            await self._connection.lasting(lambda: self._connection.client.request(self._reply, b"+ACK", timeout=5))

    async def give_back(self, *, later: bool = False) -> None:
        """Let another worker have the job, at once or in a moment."""
        with suppress(NatsError, OSError):
            await self._connection.client.publish(self._reply, b'-NAK {"delay": %d}' % _MOMENT if later else b"-NAK")
            await self._connection.client.publish(NEWS, b"")
            await self._connection.client.flush(timeout=5)

    async def listen(self, receive: Callable[[str, bytes], Awaitable[None]]) -> None:
        """Call `receive` with what the dispatcher sends: `stop`, `taken` or `tell`, and its content."""

        async def heard(message: Msg) -> None:
            await receive(message.subject.rpartition(".")[2], message.data)

        for whom in (self.ticket.number, "all"):
            subject = f"runnerlib.to.{self.ticket.run}.{whom}.*"
            subscribe = partial(self._connection.client.subscribe, subject, cb=heard)
            self._heard.append(await self._connection.lasting(subscribe))

    async def close(self) -> None:
        """Listen no longer."""
        for heard in self._heard:
            with suppress(NatsError, OSError):
                await heard.unsubscribe()

    @property
    def _subject(self) -> str:
        return f"runnerlib.logs.{self.ticket.run}.{self.ticket.number}"
