"""Execution of a request, from its body to the reply, within the limits of one job."""

from __future__ import annotations

from typing import TYPE_CHECKING

from runnerlib.secrets.socket.protocol import RequestError, parse, reply

if TYPE_CHECKING:
    from collections.abc import Callable

    from runnerlib.secrets.socket.limits import Limits


class Registry:
    """Registers values and remembers them, so that a repeated one does not count against the limits."""

    def __init__(self, register: Callable[[list[str]], int], limits: Limits) -> None:
        self._register = register
        self._limits = limits
        self._known: set[str] = set()
        self._volume = 0

    def __len__(self) -> int:
        """The number of distinct values registered."""
        return len(self._known)

    def carry_out(self, body: bytes | bytearray) -> bytes:
        """Register the values of a request and return the reply. Raises RequestError."""
        request = parse(body)
        fresh = set(request.values) - self._known
        volume = self._volume + sum(len(value.encode("utf-8", "surrogateescape")) for value in fresh)
        if len(self._known) + len(fresh) > self._limits.secrets:
            raise RequestError(f"Too many secrets (limit {self._limits.secrets})")
        if volume > self._limits.volume:
            raise RequestError(f"Secrets too large in total (limit {self._limits.volume} bytes)")
        masked = self._registered(request.values)
        self._known |= fresh
        self._volume = volume
        return reply(request, masked)

    def _registered(self, values: list[str]) -> int:
        try:
            return self._register(values) if values else 0
        except Exception as error:  # after any error the client must not take the values for masked
            raise RequestError(f"Registration failed ({type(error).__name__})") from None
