"""Size of the terminals of steps: the same as that of the runner's own terminal."""

from __future__ import annotations

import termios
from contextlib import suppress

from runnerlib.executor.process_spec import TerminalSize

USUAL = TerminalSize(rows=24, columns=80)


def terminal_size() -> TerminalSize:
    """The size of the terminal of the runner's output, or else of its input; 24 by 80 without one."""
    for descriptor in (1, 2, 0):
        with suppress(termios.error, OSError):
            rows, columns = termios.tcgetwinsize(descriptor)
            if rows and columns:
                return TerminalSize(rows, columns)
    return USUAL
