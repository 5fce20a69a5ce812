"""Log lines of the runner and of job scripts, as text or as JSON.

Names and forms are those of Reactorcide's runner (`src.logging`). LOG_FORMAT=json chooses JSON,
LOG_LEVEL the least important lines that are written.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from runnerlib.output.log.level import LogLevel
    from runnerlib.output.log.structured import StructuredLogger, log_line, log_stderr, log_stdout, logger

__all__ = ["LogLevel", "StructuredLogger", "log_line", "log_stderr", "log_stdout", "logger"]


def __getattr__(name: str) -> object:
    """Load a name on first use: every run needs `LogLevel`, and few need the rest."""
    if name not in __all__:
        raise AttributeError(f"module 'runnerlib.output.log' has no attribute '{name}'")
    from runnerlib.output.log import level, structured

    value: object = getattr(level if name == "LogLevel" else structured, name)
    globals()[name] = value
    return value
