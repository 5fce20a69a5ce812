"""Capture of print() output of plugins, in the threads of their hooks; masked and passed on line by line."""

from __future__ import annotations

import sys
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import TextIO

    from runnerlib.masking import SecretMasker

# A longer line is passed on in pieces.
_LONGEST = 1 << 16


class Lines:
    """Splits the output of a hook into lines, and passes them to `tell`, masked and without line breaks."""

    def __init__(self, masker: SecretMasker, tell: Callable[[str], object]) -> None:
        self._stream = masker.stream()
        self._tell = tell
        self._rest = b""

    def write(self, data: bytes) -> None:
        """Take some bytes, which may end anywhere in a line."""
        self._take(self._stream.feed(data))

    def end(self) -> None:
        """Pass on the unfinished last line."""
        self._take(self._stream.flush())
        if self._rest:
            self._tell(_text(self._rest))
            self._rest = b""

    def _take(self, masked: bytes) -> None:
        *lines, self._rest = (self._rest + masked).split(b"\n")
        for line in lines:
            self._tell(_text(line))
        while len(self._rest) > _LONGEST:
            self._tell(_text(self._rest[:_LONGEST]))
            self._rest = self._rest[_LONGEST:]


def _text(line: bytes) -> str:
    return line.removesuffix(b"\r").decode("utf-8", "surrogateescape")


class _Here(threading.local):
    """The target of this thread's output; None for the original streams."""

    lines: Lines | None = None


_here = _Here()


@contextmanager
def caught(lines: Lines) -> Iterator[None]:
    """Send this thread's output to `sys.stdout` and `sys.stderr` to `lines`, while they are `routed`."""
    before, _here.lines = _here.lines, lines
    try:
        yield
    finally:
        _here.lines = before
        lines.end()


class _Bytes:
    """The `buffer` of a routed stream."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, data: bytes) -> int:
        if _here.lines is None:
            return self._stream.buffer.write(data)
        _here.lines.write(bytes(data))
        return len(data)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream.buffer, name)


class _Routed:
    """Proxy of a text stream: sends the output of hooks to their lines, other output to the original stream."""

    def __init__(self, stream: TextIO) -> None:
        self.stream = stream
        self.buffer = _Bytes(stream)

    def write(self, text: str) -> int:
        if _here.lines is None:
            return self.stream.write(text)
        try:
            data = text.encode("utf-8", "surrogateescape")
        except UnicodeEncodeError:  # half of a pair
            data = text.encode("utf-8", "backslashreplace")
        _here.lines.write(data)
        return len(text)

    def writelines(self, texts: list[str]) -> None:
        for text in texts:
            self.write(text)

    def isatty(self) -> bool:
        return _here.lines is None and self.stream.isatty()

    def __getattr__(self, name: str) -> Any:
        return getattr(self.stream, name)


_routing = threading.Lock()
_routes = [0]


@contextmanager
def routed() -> Iterator[None]:
    """Replace the streams of this process, so that `caught` works, while at least one run needs that."""
    with _routing:
        _routes[0] += 1
        if _routes[0] == 1:
            sys.stdout, sys.stderr = _wrapped(sys.stdout), _wrapped(sys.stderr)
    try:
        yield
    finally:
        with _routing:
            _routes[0] -= 1
            if not _routes[0]:
                sys.stdout, sys.stderr = _unwrapped(sys.stdout), _unwrapped(sys.stderr)


def _wrapped(stream: Any) -> Any:
    return None if stream is None else _Routed(stream)


def _unwrapped(stream: Any) -> Any:
    """Return the original stream, or a stream that other code has put in its place meanwhile."""
    return stream.stream if isinstance(stream, _Routed) else stream
