"""Messages of a command as lines of a structured log."""

from __future__ import annotations

import os

from runnerlib.output.log.format import structured, timestamp
from runnerlib.output.log.level import LogLevel
from runnerlib.output.log.trace_context import context


def warning(message: str) -> str:
    """Return the line of a warning, with its line break."""
    return _line(LogLevel.WARNING, message, {}, None)


def error(message: str, kind: str, trace: str) -> str:
    """Return the line of an error of that kind, with the end of its traceback if there is one."""
    return _line(LogLevel.ERROR, message, {"traceback": trace[-1000:]} if trace else {}, (kind, message))


def _line(level: LogLevel, message: str, fields: dict[str, str], failure: tuple[str, str] | None) -> str:
    known = {**context(os.environ), **fields}
    return structured(timestamp(), level, "runnerlib", message, known, failure, as_json=True) + "\n"
