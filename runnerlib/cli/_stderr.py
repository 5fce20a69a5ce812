"""Stderr for what the runner says: that nobody can take it is no reason not to do what was asked for."""

from __future__ import annotations

import io
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import TextIO


class Stderr(io.TextIOBase):
    """Writes to `stream` and drops what cannot be written: it is full, its reader has left, or there is none."""

    def __init__(self, stream: TextIO | None) -> None:
        self._stream = stream

    @property
    def encoding(self) -> str:  # type: ignore[override]  # a property of the class, and no attribute, in typeshed
        """The encoding of what is written."""
        return getattr(self._stream, "encoding", None) or "utf-8"

    @property
    def errors(self) -> str:  # type: ignore[override]
        """What becomes of characters that it does not have."""
        return getattr(self._stream, "errors", None) or "backslashreplace"

    def write(self, text: str, /) -> int:
        """Write `text`, or drop it."""
        with suppress(OSError, ValueError):
            if self._stream is not None:
                self._stream.write(text)
                self._stream.flush()
        return len(text)

    def flush(self) -> None:
        """Nothing waits."""

    def writable(self) -> bool:
        """It is."""
        return True

    def isatty(self) -> bool:
        """Whether people see it as it is written."""
        return self._stream is not None and self._stream.isatty()

    def fileno(self) -> int:
        """The descriptor; raises OSError when there is none."""
        if self._stream is None:
            raise io.UnsupportedOperation("stderr is closed")
        return self._stream.fileno()
