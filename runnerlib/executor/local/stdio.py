"""Descriptors between the runner and a process: its stdin, and its output."""

from __future__ import annotations

import os
import termios
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

from runnerlib._util.named_tuple import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

    from runnerlib._util.terminal import TerminalSize
    from runnerlib.executor.process_spec import ProcessSpec


class StdioFds(NamedTuple):
    """`input` and `output` are the process's, `reader` is the runner's end of `output`, non-blocking."""

    input: int
    output: int
    reader: int


@contextmanager
def open_stdio(spec: ProcessSpec, null: int) -> Iterator[StdioFds]:
    """Open the descriptors of a process; its own are closed afterwards, `reader` only after an error.

    stdin is `null`, a descriptor of /dev/null, where `spec` has no text for it. Raises OSError.
    """
    with ExitStack() as opened:
        made = _open_pipe(null) if spec.tty is None else _open_terminal(spec.tty)
        for end in {made.input, made.output} - {null}:
            opened.callback(os.close, end)
        try:
            if spec.stdin is not None and spec.tty is None:
                text = memory("stdin", spec.stdin)
                opened.callback(os.close, text)
                made = made._replace(input=text)
            yield made
        except BaseException:
            os.close(made.reader)
            raise


def _open_pipe(null: int) -> StdioFds:
    """Open one `os.pipe` for stdout and stderr, so that output arrives in the order in which it was written.

    A socket pair, as event loops make, breaks `> /dev/stdout`.
    """
    reader, writer = os.pipe2(os.O_CLOEXEC)
    os.set_blocking(reader, False)
    return StdioFds(null, writer, reader)


def _open_terminal(size: TerminalSize) -> StdioFds:
    """A new pseudo-terminal of that size."""
    reader, user = os.openpty()
    try:
        termios.tcsetwinsize(user, size)
        os.set_blocking(reader, False)
    except BaseException:
        os.close(reader)
        os.close(user)
        raise
    return StdioFds(user, user, reader)


def memory(name: str, text: bytes) -> int:
    """Return a file without a path that holds `text`: unlike a pipe it needs no writer while the process runs."""
    file = os.memfd_create(name, os.MFD_CLOEXEC)
    try:
        rest = memoryview(text)
        while rest:
            rest = rest[os.write(file, rest) :]
        os.lseek(file, 0, os.SEEK_SET)
    except BaseException:
        os.close(file)
        raise
    return file
