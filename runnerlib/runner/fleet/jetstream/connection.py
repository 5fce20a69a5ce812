"""A connection to a NATS server with JetStream, and the streams and buckets of a fleet."""

from __future__ import annotations

import asyncio
import hashlib
import json
import ssl
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from nats.aio.client import Client
from nats.errors import Error as NatsError
from nats.errors import MaxPayloadError
from nats.js.api import AckPolicy, ConsumerConfig, DeliverPolicy, KeyValueConfig, RetentionPolicy, StreamConfig
from nats.js.errors import APIError, BadRequestError, NoStreamResponseError, NotFoundError

from runnerlib._util.cancellation import cancelled
from runnerlib.runner.fleet.contract import FleetError, Frame, Queue, RunEntry, StoreLostError, WorkerFacts
from runnerlib.runner.fleet.jetstream.address import address

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping
    from typing import TypeVar

    from nats.js import JetStreamContext
    from nats.js.kv import KeyValue

    T = TypeVar("T")

JOBS, LOGS = "RUNNERLIB_JOBS", "RUNNERLIB_LOGS"
QUEUES, WORKERS, MARKS = "RUNNERLIB_QUEUES", "RUNNERLIB_WORKERS", "RUNNERLIB_MARKS"
RUNS, LIVES = "RUNNERLIB_RUNS", "RUNNERLIB_LIVES"
NEWS = "runnerlib.new"
WHO = "runnerlib.who"
ID = "Nats-Msg-Id"
AFTER = "Nats-Expected-Last-Subject-Sequence"
WRONG_LAST = 10071
# Headers of an entry that says that another one was removed.
_REMOVALS = {"KV-Operation", "Nats-Marker-Reason"}
_KEPT = 7 * 86400.0
_MARKED = 300.0
_PRESENT = 60.0
_PATIENCE = 10.0
_PAUSE = 0.5


class _Client(Client):
    """Client that tells a server who it is by TLS alone where its address says so; the library would do without."""

    def _connect_command(self) -> bytes:
        if self.options.get("tls") and not self._server_info.get("tls_required"):
            raise NatsError("nats: the server has no TLS")
        return super()._connect_command()


class Connection:
    """An open connection; it comes back by itself after the server was away, for as long as it takes."""

    def __init__(self, url: str, who: str) -> None:
        """`url` is the address of the server, `who` the name that its administrator sees. Raises ConfigError."""
        self._address = address(url)
        self._options = self._address.options()
        self._who = who
        self._why = ""
        self._opened = False
        self.client: Client = _Client()
        self.back = asyncio.Event()
        self._distrusted = asyncio.Event()
        self.js: JetStreamContext
        self.queues: KeyValue
        self.workers: KeyValue
        self.marks: KeyValue
        self.runs: KeyValue
        self._lives: dict[str, KeyValue] = {}
        self._made = ""

    async def open(self) -> None:
        """Connect, and make what is not there yet. Raises FleetError."""
        try:
            await self._connect()
        except (TimeoutError, NatsError, OSError, ValueError) as error:
            await self.close()
            raise self.error("cannot reach the fleet", error) from None
        self.client.options.update(max_reconnect_attempts=-1, reconnect_time_wait=1)
        self._opened = True
        self.js = self.client.jetstream(timeout=_PATIENCE)
        try:
            await self.make()
        except (TimeoutError, NatsError) as error:
            await self.close()
            raise self.error("the fleet cannot be used", error) from None

    async def _connect(self) -> None:
        """Connect, for a limited time: the library tries again what the certificates of one side forbid."""
        loop = asyncio.get_running_loop()
        connecting = loop.create_task(
            self.client.connect(
                **self._options,
                name=self._who,
                error_cb=self._failed,
                reconnected_cb=self._came_back,
                connect_timeout=int(_PATIENCE),
                max_reconnect_attempts=3,  # who has a wrong address wants to know it
                reconnect_time_wait=0.2,  # type: ignore[arg-type] # it is slept
            )
        )
        distrusted = loop.create_task(self._distrusted.wait())
        try:
            await asyncio.wait((connecting, distrusted), timeout=2 * _PATIENCE, return_when=asyncio.FIRST_COMPLETED)
            if not connecting.done():
                raise TimeoutError("it does not answer")
            await connecting
        finally:
            await cancelled(connecting, distrusted)

    async def make(self) -> None:
        """Make the streams and buckets that are not there. Raises NatsError and TimeoutError."""
        for config in (
            StreamConfig(name=JOBS, subjects=["runnerlib.jobs.>"], retention=RetentionPolicy.WORK_QUEUE, max_age=_KEPT),
            StreamConfig(name=LOGS, subjects=["runnerlib.logs.>"], max_age=_KEPT),
        ):
            try:
                await self.js.add_stream(config)
            except BadRequestError:  # it is there, with limits that its administrator has chosen
                await self.js.stream_info(str(config.name))
        self.queues = await self._bucket(QUEUES, _KEPT)
        self.workers = await self._bucket(WORKERS, _PRESENT)
        self.marks = await self._bucket(MARKS, _MARKED)
        self.runs = await self._bucket(RUNS, _KEPT)
        self._lives.clear()
        self._made = str((await self.js.stream_info(LOGS)).created)

    async def check_store(self) -> None:
        """Raise StoreLostError where the server has another store than when this connection was opened."""
        try:
            made = str((await self.js.stream_info(LOGS)).created)
        except NotFoundError:
            made = ""
        except (TimeoutError, NatsError, OSError):  # it is away
            return
        if made != self._made:
            raise StoreLostError(f"the fleet at '{self._address.shown}' has lost the jobs and output of its runs")

    async def lives(self, lease: float) -> KeyValue:
        """Return the bucket for runs that live, whose keys the server removes when such a lease is over."""
        name = f"{LIVES}_{round(lease * 1000)}"
        if name not in self._lives:
            self._lives[name] = await self.lasting(lambda: self._bucket(name, lease))
        return self._lives[name]

    async def _bucket(self, name: str, ttl: float) -> KeyValue:
        try:
            return await self.js.create_key_value(KeyValueConfig(bucket=name, ttl=ttl))
        except BadRequestError:
            return await self.js.key_value(name)

    @property
    def most(self) -> int:
        """The largest message, in bytes, without room for its headers."""
        return self.client.max_payload - 1024

    def error(self, what: str, error: BaseException) -> FleetError:
        """Return an error of the fleet as one sentence."""
        why = self._why or str(error).removeprefix("nats: ") or type(error).__name__
        if isinstance(error, OSError) and error.strerror and not (self._why and isinstance(error, ConnectionError)):
            why = error.strerror
        if isinstance(error, APIError):
            why = str(error.description or why)
        if isinstance(error, MaxPayloadError):
            why = "a message is larger than the server takes"
        return FleetError(f"{what} at '{self._address.shown}': {why.splitlines()[0].strip().lower()}")

    async def lasting(self, do: Callable[[], Awaitable[T]]) -> T:
        """Return the result of `do`, which is tried again while the server is away. Raises FleetError."""
        while True:
            try:
                return await do()
            except (APIError, MaxPayloadError) as error:
                if isinstance(error, APIError) and getattr(error, "code", 404) not in {None, 503}:  # a key has none
                    raise
                if isinstance(error, MaxPayloadError):
                    raise self.error("the fleet cannot be used", error) from None
            except (TimeoutError, NatsError, OSError) as error:
                if self.client.is_closed:
                    raise FleetError(f"the connection to the fleet at '{self._address.shown}' was closed") from None
                if isinstance(error, NoStreamResponseError):
                    await self.check_store()
            await asyncio.sleep(_PAUSE)

    async def listed(self, bucket: KeyValue, keys: str) -> list[bytes]:
        """Return the values of a bucket whose keys match. Raises NatsError and TimeoutError.

        The library's own watcher takes a bucket for empty while its entries are under way.
        """
        name = bucket._name
        policy = DeliverPolicy.LAST_PER_SUBJECT
        found = []
        entries = await self.js.subscribe(
            f"$KV.{name}.{keys}", stream=f"KV_{name}", ordered_consumer=True, deliver_policy=policy
        )
        try:
            info = await entries.consumer_info()
            left = (info.num_pending or 0) + (info.delivered.consumer_seq if info.delivered is not None else 0)
            while left:
                entry = await entries.next_msg(_PATIENCE)
                if not (entry.headers or {}).keys() & _REMOVALS:
                    found.append(entry.data)
                left = entry.metadata.num_pending
        finally:
            await entries.unsubscribe()
        return found

    async def close(self) -> None:
        """Leave."""
        if not self.client.is_closed:
            with suppress(RuntimeError, OSError):  # it writes what is left although the server is away
                await self.client.close()

    async def _failed(self, error: Exception) -> None:
        """Remember why the server does not let us in; the library's own error may not say it."""
        if isinstance(error, ConnectionResetError) and self._why:
            return  # the server closes with what it has not read, and its words may be lost: those of another try count
        self._why = str(error).removeprefix("nats: ").strip("' ") if not self._opened else ""
        if isinstance(error, OSError):
            self._why = (error.strerror or str(error)) if not self._opened else ""
        if isinstance(error, ssl.SSLError) and not self._opened:
            self._why = f"tls: {(error.reason or str(error)).replace('_', ' ')}"
            self._distrusted.set()

    async def _came_back(self) -> None:
        self.back.set()


def queue_name(queue: Queue) -> str:
    """Return the name of a queue: the same for the same workers, whoever asks."""
    return hashlib.sha256(json.dumps(queue).encode()).hexdigest()[:24]


def consumer_of(queue: Queue) -> ConsumerConfig:
    """Return the consumer that hands out the jobs of a queue."""
    name = queue_name(queue)
    return ConsumerConfig(
        durable_name=name,
        filter_subject=f"runnerlib.jobs.{name}.>",
        ack_policy=AckPolicy.EXPLICIT,
        ack_wait=queue.lease,
        max_deliver=-1,
        max_ack_pending=100_000,
        inactive_threshold=_KEPT,
    )


def frame_headers(frame: Frame, run: str) -> dict[str, str]:
    """Return the headers of a frame; the first makes it one frame however often it is sent."""
    return {
        ID: f"{run}.{frame.number}.{frame.attempt}.{frame.seq}.{frame.worker}",
        "Runnerlib-Kind": frame.kind,
        "Runnerlib-Attempt": str(frame.attempt),
        "Runnerlib-Seq": str(frame.seq),
        "Runnerlib-Worker": frame.worker,
    }


def frame_of(subject: str, headers: Mapping[str, str] | None, data: bytes | None) -> Frame:
    """Return the frame in a message. Raises FleetError."""
    found = headers or {}
    try:
        number, attempt, seq = subject.rpartition(".")[2], found["Runnerlib-Attempt"], found["Runnerlib-Seq"]
        kind: Any = found["Runnerlib-Kind"]
        return Frame(kind, int(number), int(attempt), int(seq), found["Runnerlib-Worker"], data or b"")
    except (KeyError, ValueError):
        raise FleetError(f"the fleet's log has something that is no frame, at '{subject}'") from None


def facts(data: bytes) -> WorkerFacts:
    """Return what a worker says of itself."""
    name, version, key, labels, slots = json.loads(data)
    return WorkerFacts(name, version, key, tuple(labels), slots)


def queue_of(data: bytes) -> Queue | None:
    """Return the queue that an entry describes; None for that of another version, which may have another form."""
    try:
        version, key, labels, lease, priority = json.loads(data)
        return Queue(version, key, tuple(labels), float(lease), int(priority))
    except (ValueError, TypeError):
        return None


def run_entry(data: bytes) -> RunEntry:
    """Return the entry of a run."""
    return RunEntry(*json.loads(data))
