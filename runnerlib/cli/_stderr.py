"""Stderr for messages of the runner, which never fails: lost messages must not stop a run."""

from __future__ import annotations

import io
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import TextIO


class Stderr(io.TextIOBase):
    """Text stream that drops output which cannot be written: `stream` is full, has lost its reader, or is missing."""

    def __init__(self, stream: TextIO | None) -> None:
        self._stream = stream

    @property
    def encoding(self) -> str:  # type: ignore[override]  # a property of the class, and no attribute, in typeshed
        """The encoding of the output."""
        return getattr(self._stream, "encoding", None) or "utf-8"

    @property
    def errors(self) -> str:  # type: ignore[override]
        """The error handler for characters that the encoding lacks."""
        return getattr(self._stream, "errors", None) or "backslashreplace"

    def write(self, text: str, /) -> int:
        """Write `text`, or drop it."""
        with suppress(OSError, ValueError):
            if self._stream is not None:
                self._stream.write(text)
                self._stream.flush()
        return len(text)

    def flush(self) -> None:
        """Do nothing: `write` flushes."""

    def writable(self) -> bool:
        """Return True."""
        return True

    def isatty(self) -> bool:
        """Return whether the stream is a terminal."""
        return self._stream is not None and self._stream.isatty()

    def fileno(self) -> int:
        """Return the descriptor. Raises OSError when there is none."""
        if self._stream is None:
            raise io.UnsupportedOperation("stderr is closed")
        return self._stream.fileno()
