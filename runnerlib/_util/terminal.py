"""Size of the terminal that a descriptor leads to."""

from __future__ import annotations

import os
from contextlib import suppress

from runnerlib._util.values import NamedTuple


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
