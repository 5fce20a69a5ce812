"""Supervision of a job's watchdog process: one that ends, because a step has killed it, is replaced."""

from __future__ import annotations

import asyncio
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from runnerlib.errors import OutputError, RunnerError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from runnerlib.executor.local import ProcessSupervisor

# Seconds between two tries where the system has no room for a process.
_PAUSE = 0.5


@contextmanager
def guarded(custody: ProcessSupervisor, warn: Callable[[str], object]) -> Iterator[None]:
    """Replace the watchdog of `custody` whenever it ends, on the running loop; only the first loss is reported."""
    watch = _Watch(custody, warn)
    watch.begin()
    try:
        yield
    finally:
        watch.end()


class _Watch:
    def __init__(self, custody: ProcessSupervisor, warn: Callable[[str], object]) -> None:
        self._custody = custody
        self._warn = warn
        self._loop = asyncio.get_running_loop()
        self._told: set[str] = set()
        self._watched = -1
        self._later: asyncio.TimerHandle | None = None

    def begin(self) -> None:
        self._watched = self._custody.watchdog_ended
        self._loop.add_reader(self._watched, self._replace)

    def end(self) -> None:
        if self._later is not None:
            self._later.cancel()
        if self._watched >= 0:
            self._loop.remove_reader(self._watched)
            self._watched = -1

    def _replace(self) -> None:
        self.end()
        try:
            self._custody.renew_watchdog()
        except RunnerError as error:
            self._tell(f"{error}; until there is one, what the job has started outlives a runner that is killed")
            self._later = self._loop.call_later(_PAUSE, self._replace)
        else:
            self.begin()
            self._tell("the guard of the job was ended, probably by a step; there is a new one")

    def _tell(self, text: str) -> None:
        if text not in self._told:
            self._told.add(text)
            with suppress(OutputError):  # the next event raises it again
                self._warn(text)
