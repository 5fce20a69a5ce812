"""The server of the secret socket: its place, and its life from `start` to `close`."""

from __future__ import annotations

import asyncio
import errno
import os
import socket
from typing import TYPE_CHECKING

from runnerlib._util.values import NamedTuple
from runnerlib.errors import RunnerError
from runnerlib.secrets.socket.runtime_dir import create, remove

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from runnerlib.secrets.socket.connections import Connections
    from runnerlib.secrets.socket.limits import Limits
    from runnerlib.secrets.socket.registry import Registry

# A client with a timeout fails when this queue is full. The kernel may have a lower limit, often 4096.
_QUEUE = 4096


# What a system answers that has no such sockets, or a profile that forbids them.
_NO_SOCKETS = {errno.EAFNOSUPPORT, errno.EPERM, errno.EACCES, errno.ENOSYS, errno.EPROTONOSUPPORT}


class Counts(NamedTuple):
    """Of a server: distinct values registered, requests answered by an error, connections of other users."""

    registered: int
    failed: int
    refused: int


class SecretServer:
    """Server on a socket owned by `user`; registers values from processes of this user, root or `user`.

    The socket is below the directory `place` if that is given and its path is not too long.

    `register` is given non-empty values, which encode to their bytes with "surrogateescape", and returns
    how many of them are masked from then on. It is called in a thread, one call at a time. When it raises,
    the client gets the reply that the registration failed, with the type of the exception.
    """

    def __init__(
        self,
        register: Callable[[list[str]], int],
        limits: Limits | None = None,
        user: int | None = None,
        place: Path | None = None,
    ) -> None:
        self._register = register
        self._limits = limits
        self._user = os.geteuid() if user is None else user
        self._listener: socket.socket | None = None
        self._registry: Registry | None = None
        self._connections: Connections | None = None
        self._place = place
        self._path: Path | None = None
        self.refused = ""
        self.exposed = ""  # why the socket is not below `place`, although that was given

    async def start(self) -> Path:
        """Listen on the running loop; returns the path for REACTORCIDE_SECRETS_SOCKET. Raises RunnerError.

        Where the system has no such sockets there is nothing at the path, and `refused` says why.
        """
        try:
            self._path = create(os.environ, self._place)
            if self._place is not None and self._path.parent.parent != self._place:
                self.exposed = f"it cannot be below '{self._place}'"
            try:
                listener = _listener(self._path)
            except OSError as error:
                if error.errno not in _NO_SOCKETS:
                    raise
                self.refused = str(error.strerror)
                return self._path
            self._listener = listener
            self._loop = asyncio.get_running_loop()
            self._loop.add_reader(listener, self._serve, listener)
            if self._user != os.geteuid():  # only root has a job whose processes are another user's
                os.chown(self._path, self._user, -1)
        except OSError as error:
            self.abandon()
            raise RunnerError(f"cannot open the secret socket: {error.strerror}") from None
        return self._path

    def _serve(self, listener: socket.socket) -> None:
        """Serve the clients from the first one on; few jobs register a secret, and need what serves them."""
        from runnerlib.secrets.socket.connections import Connections
        from runnerlib.secrets.socket.limits import Limits
        from runnerlib.secrets.socket.registry import Registry

        limits = self._limits or Limits()
        self._registry = Registry(self._register, limits)
        self._loop.remove_reader(listener)
        self._connections = Connections(listener, self._registry.carry_out, limits, {0, os.geteuid(), self._user})

    async def close(self) -> None:
        """Stop: requests that have been received are carried out and answered, the socket is removed."""
        try:
            if self._connections is not None:
                await self._connections.close()
        finally:
            self.abandon()

    def abandon(self) -> None:
        """Close everything without waiting, for a loop that has crashed; may be called again."""
        if self._connections is not None:
            self._connections.abandon()
        elif self._listener is not None:
            if not self._loop.is_closed():
                self._loop.remove_reader(self._listener)
            self._listener.close()
            self._listener = None
        if self._path is not None:
            remove(self._path)

    @property
    def counts(self) -> Counts:
        """The counts so far."""
        seen = self._connections
        return Counts(len(self._registry or ()), seen.failed if seen else 0, seen.refused if seen else 0)


def _listener(path: Path) -> socket.socket:
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        listener.setblocking(False)
        listener.bind(os.fspath(path))
        path.chmod(0o600)
        listener.listen(_QUEUE)
    except OSError:
        listener.close()
        raise
    return listener
