"""The state of a fleet at NATS JetStream: its workers as they answer, and its queues as the server counts them."""

from __future__ import annotations

import asyncio
import json
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple

from nats.errors import Error as NatsError
from nats.js.errors import NotFoundError

from runnerlib.runner.fleet.contract import Queue, WorkerFacts, WorkerState
from runnerlib.runner.fleet.jetstream.connection import JOBS, WHO, Connection, facts, queue_name, queue_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from nats.aio.msg import Msg

_ANSWERS = 2.0


class FoundQueue(NamedTuple):
    """A queue: the number of jobs that wait and that run, and the seconds that the oldest of those has waited."""

    queue: Queue
    waiting: int
    running: int
    oldest: float


class FleetState(NamedTuple):
    """The state of a fleet; a worker that does not answer has no state."""

    workers: Sequence[tuple[WorkerFacts, WorkerState | None]]
    queues: Sequence[FoundQueue]


async def state_of(url: str) -> FleetState:
    """Return the state of the fleet at `url`. Raises ConfigError and FleetError."""
    connection = Connection(url, "runnerlib fleet status")
    await connection.open()
    try:
        return FleetState(await _workers(connection), await _queues(connection))
    except (TimeoutError, NatsError, OSError) as error:
        raise connection.error("cannot reach the fleet", error) from None
    finally:
        await connection.close()


async def _workers(connection: Connection) -> Sequence[tuple[WorkerFacts, WorkerState | None]]:
    """Ask all workers, and wait until those that there are have answered, or for a moment."""
    known = sorted(map(facts, await connection.listed(connection.workers, ">")))
    states: dict[str, WorkerState] = {}
    complete = asyncio.Event()

    async def heard(message: Msg) -> None:
        with suppress(ValueError, TypeError):
            state = WorkerState(*json.loads(message.data))
            states[state.name] = state
        if all(worker.name in states for worker in known):
            complete.set()

    inbox = connection.client.new_inbox()
    await connection.client.subscribe(inbox, cb=heard)
    await connection.client.publish(WHO, b"", reply=inbox)
    if known:
        with suppress(asyncio.TimeoutError):
            await asyncio.wait_for(complete.wait(), _ANSWERS)
    return [(worker, states.get(worker.name)) for worker in known]


async def _queues(connection: Connection) -> Sequence[FoundQueue]:
    found = []
    now = await _time_of_server(connection)
    for queue in filter(None, map(queue_of, await connection.listed(connection.queues, ">"))):
        name = queue_name(queue)
        try:
            info = await connection.js.consumer_info(JOBS, name)
        except NotFoundError:
            continue
        waiting, oldest = info.num_pending or 0, 0.0
        if waiting:
            after = info.delivered.stream_seq + 1 if info.delivered is not None else 1
            with suppress(NotFoundError):  # it was taken meanwhile
                first = await connection.js.get_msg(JOBS, seq=after, subject=f"runnerlib.jobs.{name}.>", next=True)
                oldest = max((now - first.time).total_seconds(), 0.0) if first.time is not None else 0.0
        found.append(FoundQueue(queue, waiting, info.num_ack_pending or 0, oldest))
    return sorted(found, key=lambda one: (-one.queue.priority, one.queue.labels))


async def _time_of_server(connection: Connection) -> datetime:
    """Return the time by the server's clock, which has stamped the jobs, too."""
    await connection.marks.put("clock", b"")
    message = await connection.js.get_msg(f"KV_{connection.marks._name}", subject="$KV.RUNNERLIB_MARKS.clock")
    assert message.time is not None  # noqa: S101 - the server stamps every message
    return message.time
