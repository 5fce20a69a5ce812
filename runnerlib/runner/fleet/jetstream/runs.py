"""The runs of a fleet at NATS JetStream, for those who do not dispatch them: which there are, their end, their log."""

from __future__ import annotations

import asyncio
import json
import signal
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, NamedTuple

from nats.errors import Error as NatsError
from nats.js.api import AckPolicy, ConsumerConfig, DeliverPolicy
from nats.js.errors import NotFoundError

from runnerlib.errors import ConfigError
from runnerlib.runner.fleet.jetstream.connection import LOGS, Connection, frame_of, run_entry

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from runnerlib.runner.fleet.contract import Frame, RunEntry

_BATCH = 64
_WAIT = 1.0


class FoundRun(NamedTuple):
    """A run that has not ended, or not long ago; `lives` while it has a dispatcher."""

    entry: RunEntry
    lives: bool


@asynccontextmanager
async def looking(url: str, who: str) -> AsyncIterator[JetStreamRuns]:
    """Enter the fleet at `url` to look at its runs. Raises ConfigError and FleetError."""
    connection = Connection(url, who)
    await connection.open()
    try:
        yield JetStreamRuns(connection)
    except (TimeoutError, NatsError, OSError) as error:
        raise connection.error("cannot reach the fleet", error) from None
    finally:
        await connection.close()


class JetStreamRuns:
    """The runs of a fleet."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def all(self) -> Sequence[FoundRun]:
        """Return the runs, the oldest first."""
        entries = map(run_entry, await self._connection.listed(self._connection.runs, ">"))
        return [await self._found(entry) for entry in sorted(entries, key=lambda one: one.started)]

    async def one(self, run: str) -> FoundRun:
        """Return a run. Raises ConfigError for one that the fleet does not know."""
        try:
            found = await self._connection.runs.get(run)
        except NotFoundError:
            raise ConfigError(f"the fleet has no run '{run}'; `runnerlib runs list` shows those that it has") from None
        return await self._found(run_entry(found.value or b""))

    async def _found(self, entry: RunEntry) -> FoundRun:
        lives = await self._connection.lives(entry.run_lease)
        try:
            await lives.get(entry.run)
        except NotFoundError:
            return FoundRun(entry, lives=False)
        return FoundRun(entry, lives=True)

    async def cancel(self, run: str) -> FoundRun:
        """Leave the mark that stops a run, and return what it was before. Raises ConfigError."""
        found = await self.one(run)
        if found.entry.state == "running":
            content = json.dumps(found.entry._replace(state="cancelled")).encode()
            await self._connection.runs.put(run, content)
            await self._connection.client.publish(f"runnerlib.to.{run}.all.stop", _TERM)
            await self._connection.client.flush(timeout=5)
        return found

    async def frames(self, run: str, *, follow: bool) -> AsyncIterator[Frame]:
        """Yield what the jobs of a run have said; with `follow`, until the run has ended."""
        config = ConsumerConfig(
            filter_subject=f"runnerlib.logs.{run}.>",
            deliver_policy=DeliverPolicy.ALL,
            ack_policy=AckPolicy.NONE,
            inactive_threshold=60.0,
            mem_storage=True,
        )
        made = await self._connection.js.add_consumer(LOGS, config)
        waiting = await self._connection.js.pull_subscribe_bind(made.name, LOGS)
        left = made.num_pending or 0
        while left > 0 or (follow and (await self.one(run)).entry.state != "ended"):
            messages = []
            with suppress(asyncio.TimeoutError):
                messages = await waiting.fetch(_BATCH, timeout=_WAIT)
            for message in messages:
                yield frame_of(message.subject, message.headers, message.data)
            left = (await self._connection.js.consumer_info(LOGS, made.name)).num_pending or 0


_TERM = json.dumps([signal.SIGTERM, False]).encode()
