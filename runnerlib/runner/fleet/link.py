"""The link between a worker and an agent: messages on a socket, each with a kind of one byte."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import socket

# From the worker; an agent sends frames, and the figures of its job before the last one.
JOB, BEAT, STOP, TAKEN, TELL = b"J", b"B", b"S", b"T", b"K"
FRAME, FIGURES = b"F", b"M"

_SIZE = 4
_LIMIT = 1 << 16


class Link:
    """One end of the link."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @classmethod
    async def over(cls, end: socket.socket) -> Link:
        """Make a link of a connected socket."""
        return cls(*await asyncio.open_connection(sock=end, limit=_LIMIT))

    def send(self, kind: bytes, *parts: bytes) -> None:
        """Send a message; whoever sends much waits for answers, so that little is queued here."""
        if not self._writer.is_closing():
            size = sum(map(len, parts))
            self._writer.write(b"".join((kind, size.to_bytes(_SIZE), *parts)))

    async def receive(self) -> tuple[bytes, bytes] | None:
        """Return the next message; None when the other end has gone."""
        try:
            head = await self._reader.readexactly(1 + _SIZE)
            return head[:1], await self._reader.readexactly(int.from_bytes(head[1:]))
        except (asyncio.IncompleteReadError, OSError):
            return None

    async def drain(self) -> None:
        """Return when most of what was sent is on its way."""
        with suppress(OSError):
            await self._writer.drain()

    async def close(self) -> None:
        """Leave, after all that was sent."""
        with suppress(OSError):
            self._writer.close()
            await self._writer.wait_closed()
