"""The events of a job as JSON lines in a file, in addition to the console."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

from runnerlib._util.paths import opened_file
from runnerlib.errors import OutputError, PathError
from runnerlib.output.modes.json_lines import Encoder
from runnerlib.output.streams import Output

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from runnerlib.events import Event
    from runnerlib.output.log.trace_fields import TraceFields


class EventsFile:
    """Writes events to the file at `path`, which is emptied first.

    It is never reached through a link of the workspace `base`. A named pipe is fine if a reader has it open. Raises
    OutputError when the file cannot be opened or grow.
    """

    def __init__(
        self, path: Path, base: Path, clock: Callable[[], float] = time.time, trace: TraceFields | None = None
    ) -> None:
        self._path = path
        self._encoder = Encoder(clock, trace)
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NONBLOCK | os.O_NOCTTY
        try:
            self._fd = opened_file(base, path, flags, 0o600)
        except OSError as error:
            raise self._failed(error.strerror) from None
        except PathError as error:
            raise self._failed(str(error)) from None
        self._out = Output(self._fd)

    @property
    def congested(self) -> bool:
        """True while the reader of a named pipe is behind; never for a file."""
        return self._out.congested

    def observe(self, event: Event) -> None:
        """Write one event."""
        lines = self._encoder.encode(event)
        if lines:
            try:
                self._out.write(lines)
            except OutputError as error:
                raise self._failed(_cause(error)) from None

    async def drain(self) -> None:
        """Return when all is written."""
        try:
            await self._out.drain()
        except OutputError as error:
            raise self._failed(_cause(error)) from None

    def give_up(self) -> int:
        """Drop the bytes queued for the reader, and refuse more; return the number of bytes dropped."""
        return self._out.give_up()

    def close(self) -> None:
        """Close the file."""
        self._out.close()
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def _failed(self, why: str | None) -> OutputError:
        return OutputError(f"cannot write the events to '{self._path}': {why}")


def _cause(error: OutputError) -> str:
    """Return the cause in an error of `Output`, without its subject."""
    return str(error).partition(": ")[2]
