"""Lines of a log, as text or as JSON: what the runner says of itself, and what job scripts say through it.

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
    """Load what is used: every run asks `choice`, and few for more."""
    if name not in __all__:
        raise AttributeError(f"module 'runnerlib.output.log' has no attribute '{name}'")
    from runnerlib.output.log import level as choice
    from runnerlib.output.log import structured

    value: object = getattr(choice if name == "LogLevel" else structured, name)
    globals()[name] = value
    return value
