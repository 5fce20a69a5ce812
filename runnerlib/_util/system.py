"""Short questions to the system: the name of a signal, the size of a pipe, the size of a terminal."""

from __future__ import annotations

import fcntl
import os
import signal
from contextlib import suppress

from runnerlib._util.values import NamedTuple


def signal_name(signum: int) -> str:
    """Return the name of a signal: `SIGTERM` for 15; without a name, as for real-time signals, `signal 40`."""
    try:
        return signal.Signals(signum).name
    except ValueError:
        return f"signal {signum}"


# Measured: twice the throughput of the default 64 KiB. It is the kernel's limit for users without privileges.
PIPE_SIZE = 1 << 20


def enlarge(pipe: int) -> None:
    """Grow the pipe of descriptor `pipe` to PIPE_SIZE bytes where the system allows it."""
    with suppress(OSError):  # over the user's share of pipe memory: the default size is only slower
        fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, PIPE_SIZE)


class TerminalSize(NamedTuple):
    """Rows and columns of a terminal."""

    rows: int
    columns: int


def terminal_size(*descriptors: int) -> TerminalSize | None:
    """Return the size now of the first terminal among the descriptors that says one; a window may change any time."""
    for descriptor in descriptors:
        with suppress(OSError):
            columns, rows = os.get_terminal_size(descriptor)
            if rows and columns:
                return TerminalSize(rows, columns)
    return None


def own_terminal_size(*descriptors: int) -> TerminalSize:
    """Return the size of the terminal of this process: of its output, its errors or its input; 24 by 80 without one."""
    return terminal_size(*(descriptors or (1, 2, 0))) or TerminalSize(rows=24, columns=80)
