"""Stopping a run that is under way."""

from __future__ import annotations

import signal
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

from runnerlib.errors import Interrupted
from runnerlib.result import signal_name

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Iterator


class Stop:
    """Asks one run to stop, from any thread and at any time; `signum` is the first signal that asked, 0 if none did.

    A `patient` run is tidying up: the first signal does not interrupt that, the second does.
    """

    def __init__(self) -> None:
        self.signum = 0
        self.patient = False
        self._lock = threading.RLock()
        self._forward: Callable[[int], object] | None = None

    def request(self, signum: int = signal.SIGTERM) -> None:
        """Stop as if `signum` had come. At the second request what still runs is killed at once."""
        with self._lock:
            first, self.signum = not self.signum, self.signum or signum
            if self._forward is not None and not (self.patient and first):
                self._forward(signum)

    def check(self) -> None:
        """Raise Interrupted once somebody has asked; for what has nothing else to stop."""
        if self.signum:
            raise Interrupted(self.signum, signal_name(self.signum))

    @contextmanager
    def forwarded(self, forward: Callable[[int], object]) -> Iterator[None]:
        """Hand requests from other threads on to `forward`, which is called there."""
        with self._lock:
            self._forward = forward
        try:
            yield
        finally:
            with self._lock:
                self._forward = None

    @contextmanager
    def reaching(self, loop: asyncio.AbstractEventLoop, stop: Callable[[int], object]) -> Iterator[None]:
        """Hand requests on to `stop`, which is called on `loop`; one that came before, at once."""
        with self._lock:
            self._forward = lambda signum: loop.call_soon_threadsafe(stop, signum)
            if self.signum:
                stop(self.signum)
        try:
            yield
        finally:
            with self._lock:
                self._forward = None
