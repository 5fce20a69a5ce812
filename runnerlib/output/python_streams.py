"""Outputs of a program that runs jobs as a library: its `sys.stdout` and `sys.stderr`.

The runner writes to descriptors, past the buffers of Python: these are flushed first, so that what the program printed
earlier comes first. A stream without a descriptor, as a test or a notebook sets to capture what is printed, gets text.
"""

from __future__ import annotations

import codecs
import os
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, TextIO

from runnerlib.errors import OutputError
from runnerlib.output.streams import BestEffort, Output, Streams, streams

if TYPE_CHECKING:
    from typing import TypeAlias

    End: TypeAlias = int | TextIO


class TextOutput(Output):
    """Output to a text stream, at once and in order; bytes outside UTF-8 or its encoding are escaped."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._encoding = getattr(stream, "encoding", None) or "utf-8"
        self._decoder = codecs.getincrementaldecoder("utf-8")("backslashreplace")
        self._refusal: OutputError | None = None

    @property
    def congested(self) -> bool:
        """False: nothing is ever queued."""
        return False

    @property
    def is_terminal(self) -> bool:
        """False: a text stream is no terminal."""
        return False

    def write(self, data: bytes) -> None:
        """Write `data`; an incomplete character at its end is kept until the rest comes."""
        self._put(self._decoder.decode(data))

    async def drain(self) -> None:
        """Return at once: nothing is queued."""

    def give_up(self) -> int:
        """Drop nothing."""
        return 0

    def close(self) -> None:
        """Write the rest of a cut character; the stream stays open."""
        with suppress(OutputError):
            self._put(self._decoder.decode(b"", final=True))

    def _put(self, text: str) -> None:
        if self._refusal:
            raise self._refusal
        try:
            self._stream.write(text.encode(self._encoding, "backslashreplace").decode(self._encoding))
        except (OSError, ValueError) as error:  # closed, or its target is full
            self._refusal = OutputError(f"cannot write the job's output: {str(error).lower().rstrip('.')}")
            raise self._refusal from None


def program_streams() -> Streams:
    """The outputs of this program. Raises OutputError when stdout is closed."""
    out, err = _end(sys.stdout, 1), _end(sys.stderr, 2)
    if isinstance(out, int) and isinstance(err, int):
        return streams(out, err)
    made = _output(out)
    return Streams(made, made if err is out else BestEffort(lambda: _output(err)))


def _end(stream: TextIO | None, usual: int) -> End:
    """The descriptor of a stream, with nothing left in its buffer, or the stream when it has none."""
    if stream is None:
        return usual
    try:
        stream.flush()
        fd = stream.fileno()
        os.fstat(fd)
    except (AttributeError, OSError, ValueError):
        return stream
    return fd


def _output(end: End) -> Output:
    return Output(end) if isinstance(end, int) else TextOutput(end)
