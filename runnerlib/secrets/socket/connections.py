"""Connections: taken from the kernel's queue when their time has come, read within a deadline, answered."""

from __future__ import annotations

import asyncio
import socket
import struct
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from math import inf
from typing import TYPE_CHECKING

from runnerlib.secrets.socket.limits import Bucket
from runnerlib.secrets.socket.protocol import HEADER, RequestError, refusal

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from runnerlib.secrets.socket.limits import Limits

_PIECE = 1 << 16
_CREDENTIALS = struct.Struct("iII")  # struct ucred of unix(7): pid, uid, gid
_NO_DESCRIPTOR_PAUSE = 0.1


class Connections:
    """Serves `listener`, where the first client waits, from the moment it is made until `close`.

    A task reads each connection. `carry_out` turns the body of a request into the reply or raises
    RequestError; one thread calls it, so that compiling many patterns does not hold up the loop.
    `failed` counts requests answered by an error, `refused` connections of other users than `users`.
    """

    def __init__(
        self,
        listener: socket.socket,
        carry_out: Callable[[bytearray], bytes],
        limits: Limits,
        users: Collection[int],
    ) -> None:
        self._users = users
        self._listener = listener
        self._carry_out = carry_out
        self._limits = limits
        self._loop = asyncio.get_running_loop()
        self._bucket = Bucket(limits.rate, limits.burst)
        self._thread = ThreadPoolExecutor(1, "register-secret")  # started by the first request
        self._pause: asyncio.TimerHandle | None = None
        self._clients: dict[asyncio.Task[None], socket.socket] = {}
        self._reading: dict[asyncio.Timeout, None] = {}  # the oldest first
        self._closing = False
        self.failed = 0
        self.refused = 0
        self._watch()
        self._take()

    async def close(self) -> None:
        """Answer every request that was received completely; reject the others as too late."""
        try:
            self._stop_listening()
            for timeout in list(self._reading):
                self._hurry(timeout)
            if self._clients:
                await asyncio.wait(self._clients)
            self._thread.shutdown()  # it has nothing left to do, so this does not block
        finally:
            self.abandon()

    def abandon(self) -> None:
        """Close everything without waiting; may be called again, and after the loop was closed."""
        self._stop_listening()
        for task, client in self._clients.items():
            if self._loop.is_closed():
                client.close()
            else:
                task.cancel()  # which closes it; a loop must not lose a descriptor that it watches
        self._thread.shutdown(wait=False, cancel_futures=True)

    def _stop_listening(self) -> None:
        self._closing = True
        if not self._loop.is_closed():
            self._unwatch()
        self._listener.close()

    def _watch(self) -> None:
        """Take from the queue, now or after a pause."""
        if not self._closing:
            self._unwatch()
            self._loop.add_reader(self._listener, self._take)

    def _unwatch(self, pause: float = inf) -> None:
        """Leave the queue alone for `pause` seconds or until `_watch` is called."""
        if self._pause is not None:
            self._pause.cancel()
            self._pause = None
        if self._listener.fileno() >= 0:
            self._loop.remove_reader(self._listener)
        if pause < inf:
            self._pause = self._loop.call_later(pause, self._watch)

    def _take(self) -> None:
        """A connection is in the queue: serve it, or leave it there until its time has come."""
        now = self._loop.time()
        delay = max(self._bucket.delay(now), self._room_in(now))
        if delay > 0:
            self._unwatch(delay)
            return
        try:
            client, _ = self._listener.accept()
        except (BlockingIOError, ConnectionError):
            return
        except OSError:  # out of descriptors; the program is going to close some
            self._unwatch(_NO_DESCRIPTOR_PAUSE)
            return
        self._bucket.take(now)
        client.setblocking(False)
        self._admit(client)

    def _room_in(self, now: float) -> float:
        """The seconds until there may be room for a connection: 0 when there is, infinity until one has ended."""
        if len(self._clients) < self._limits.connections:
            return 0
        for oldest in self._reading:
            due = (oldest.when() or now) - self._limits.deadline + self._limits.patience
            if due > now:
                return due - now
            self._hurry(oldest)
            break
        return inf

    def _hurry(self, timeout: asyncio.Timeout) -> None:
        """End the time that a connection has for its request."""
        del self._reading[timeout]
        if not timeout.expired():
            timeout.reschedule(self._loop.time())

    def _admit(self, client: socket.socket) -> None:
        if _user(client) not in self._users:
            self.refused += 1
            _answer(client, refusal(RequestError("Permission denied")))
            return
        task = self._loop.create_task(self._serve(client))
        self._clients[task] = client
        task.add_done_callback(self._leave)

    def _leave(self, task: asyncio.Task[None]) -> None:
        self._clients.pop(task).close()  # it may have been cancelled before it began
        self._watch()

    async def _serve(self, client: socket.socket) -> None:
        with client:
            try:
                body = await self._read(client)
                reply = await self._loop.run_in_executor(self._thread, self._carry_out, body)
            except RequestError as error:
                self.failed += 1
                reply = refusal(error)
            except OSError:
                return  # the client has gone
            _answer(client, reply)

    async def _read(self, client: socket.socket) -> bytearray:
        """The body of a request. Raises RequestError, and OSError when the client has gone."""
        limits = self._limits
        try:
            async with asyncio.timeout(0 if self._closing else limits.deadline) as timeout:
                self._reading[timeout] = None
                try:
                    (length,) = HEADER.unpack(await self._exactly(HEADER.size, client))
                    if length > limits.message:
                        raise RequestError(f"Request too large (limit {limits.message} bytes)")
                    return await self._exactly(length, client)
                finally:
                    self._reading.pop(timeout, None)
        except TimeoutError:
            raise RequestError("Timeout") from None

    async def _exactly(self, length: int, client: socket.socket) -> bytearray:
        """Read exactly so many bytes; memory grows with the received data, not with the announced length."""
        data = bytearray()
        while len(data) < length:
            piece = await self._loop.sock_recv(client, min(length - len(data), _PIECE))
            if not piece:
                raise RequestError("Incomplete request")
            data += piece
        return data


def _user(client: socket.socket) -> int:
    """The effective user id that the peer had when it connected."""
    raw = client.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    uid: int = _CREDENTIALS.unpack(raw)[1]
    return uid


def _answer(client: socket.socket, reply: bytes) -> None:
    """Send a reply, which is short enough for the empty buffer of the connection, and hang up."""
    with client, suppress(OSError):
        client.send(reply)
