"""Capture of the output of plugins' processes: descriptors 1 and 2 lead to a pipe, and its lines are masked.

Only for a process that belongs to one run alone. Programs that use the library keep their descriptors.
"""

from __future__ import annotations

import fcntl
import os
import select
import sys
import threading
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from runnerlib.output.streams import streams
from runnerlib.plugins.print_capture import Lines

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from runnerlib.masking import SecretMasker
    from runnerlib.output.streams import Streams

_CHUNK = 1 << 16
# Seconds to wait until written output is read: a process that writes without end must not block the run.
_PATIENCE = 1.0


class Descriptors:
    """Descriptors 1 and 2, which lead to a pipe while `taken`; `deliver` gets its lines, in a thread."""

    def __init__(self, masker: SecretMasker, deliver: Callable[[str], object]) -> None:
        self._lines = Lines(masker, deliver)
        self._kept = [fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, 3) for fd in (1, 2)]
        self._reader, self._writer = os.pipe2(os.O_CLOEXEC)
        os.set_blocking(self._reader, False)
        self._wake = os.eventfd(0, os.EFD_CLOEXEC)
        self._closing = False
        self._depth = 0
        self._settled = threading.Event()
        self._thread = threading.Thread(target=self._read, name="output of plugins", daemon=True)
        self._thread.start()

    def streams(self) -> Streams:
        """Return the original targets of the two descriptors."""
        return streams(*self._kept)

    @contextmanager
    def taken(self) -> Iterator[None]:
        """Redirect the two descriptors to the pipe within the block; all output is delivered at its end."""
        self._depth += 1
        if self._depth == 1:
            _flush()
            for fd in (1, 2):
                os.dup2(self._writer, fd)
        try:
            yield
        finally:
            self._depth -= 1
            _flush()
            if not self._depth:
                for fd, kept in zip((1, 2), self._kept, strict=True):
                    os.dup2(kept, fd)
            self.settle()

    def settle(self) -> None:
        """Wait until all output is delivered, including an unfinished line."""
        self._settled.clear()
        os.eventfd_write(self._wake, 1)
        self._settled.wait(_PATIENCE)

    def close(self) -> None:
        """Close the pipe and the thread; later output of remaining processes is lost."""
        self._closing = True
        self.settle()
        self._thread.join()
        for fd in (*self._kept, self._reader, self._writer, self._wake):
            os.close(fd)

    def _read(self) -> None:
        poll = select.poll()
        poll.register(self._reader, select.POLLIN)
        poll.register(self._wake, select.POLLIN)
        while not self._closing:
            ready = {fd for fd, _ in poll.poll()}
            self._take()
            if self._wake in ready:
                os.eventfd_read(self._wake)
                self._lines.end()
                self._settled.set()

    def _take(self) -> None:
        """Read the available output, but only a limited amount of it."""
        with suppress(BlockingIOError):
            for _ in range(64):
                self._lines.write(os.read(self._reader, _CHUNK))


def _flush() -> None:
    for stream in filter(None, (sys.stdout, sys.stderr)):
        with suppress(OSError, ValueError):
            stream.flush()
