"""Lists of a fleet: all that stands in a bucket, each time, and nothing that was removed."""

from __future__ import annotations

import asyncio

from runnerlib.runner.fleet.jetstream.connection import Connection
from tests.runner.fleet.machines import Broker


def test_all_entries_are_listed_each_time(own_broker: Broker) -> None:
    """Entries that are under way as the server is asked for their number are no reason to call a bucket empty."""

    async def listed() -> tuple[list[bytes], set[tuple[bytes, ...]]]:
        connection = Connection(f"nats://127.0.0.1:{own_broker.port}", "test")
        await connection.open()
        try:
            empty = await connection.listed(connection.workers, ">")
            for key, value in (("a", b"old"), ("b", b"2"), ("c", b"3"), ("a", b"1")):
                await connection.workers.put(key, value)
            await connection.workers.delete("b")
            found = set()
            for _ in range(400):
                asked = (connection.listed(connection.workers, ">") for _ in range(2))
                found |= {tuple(sorted(values)) for values in await asyncio.gather(*asked)}
            return empty, found
        finally:
            await connection.close()

    assert asyncio.run(listed()) == ([], {(b"1", b"3")})
