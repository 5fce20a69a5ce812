"""Health of a worker by HTTP: `/healthz` while it lives, `/readyz` while it takes jobs, `/metrics` for Prometheus."""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING

from runnerlib.errors import ConfigError, one_line

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from runnerlib.runner.fleet.contract import WorkerState

_LONGEST = 8192
_PATIENCE = 5.0
_LAST_PORT = 65535


def listening_address(text: str) -> tuple[str, int]:
    """Return host and port of `HOST:PORT`, or of a port of this machine. Raises ConfigError."""
    host, _, port = text.rpartition(":")
    if not port.isascii() or not port.isdigit() or int(port) > _LAST_PORT:
        raise ConfigError(f"--health: got '{one_line(text)}', PORT or HOST:PORT is expected")
    return host.strip("[]") or "127.0.0.1", int(port)


@asynccontextmanager
async def answering(
    address: tuple[str, int] | None, state: Callable[[], WorkerState], figures: Callable[[], str]
) -> AsyncIterator[int]:
    """Answer during the block; yields the port, 0 without an address. Raises ConfigError.

    `figures` are a text that Prometheus reads.
    """
    if address is None:
        yield 0
        return

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(asyncio.TimeoutError, OSError, ValueError, asyncio.IncompleteReadError):
            async with asyncio.timeout(_PATIENCE):
                words = (await reader.readuntil(b"\r\n\r\n")).split()
                writer.write(_response(words[0], words[1], state(), figures))
                await writer.drain()
        writer.close()

    try:
        server = await asyncio.start_server(answer, *address, limit=_LONGEST)
    except OSError as error:
        raise ConfigError(f"--health: cannot listen on {address[0]}:{address[1]}: {error.strerror}") from None
    async with server:
        yield int(server.sockets[0].getsockname()[1])


def _response(method: bytes, path: bytes, state: WorkerState, figures: Callable[[], str]) -> bytes:
    if method not in {b"GET", b"HEAD"}:
        status = "405 Method Not Allowed"
    elif path in {b"/healthz", b"/metrics"} or (path == b"/readyz" and state.ready):
        status = "200 OK"
    else:
        status = "503 Service Unavailable" if path == b"/readyz" else "404 Not Found"
    kind, body = "application/json", json.dumps(state._asdict()).encode() + b"\n"
    if path == b"/metrics":
        kind, body = "text/plain; version=0.0.4; charset=utf-8", figures().encode()
    fields = (f"Content-Type: {kind}", f"Content-Length: {len(body)}", "Connection: close")
    return "\r\n".join((f"HTTP/1.1 {status}", *fields, "", "")).encode() + (b"" if method == b"HEAD" else body)
