"""Loggers for plugins and job scripts. They write to `sys.stdout` and `sys.stderr` as these are at that moment.

In a job that is the step's output, in a plugin the runner's: either way it is masked behind them.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Literal, NoReturn

from runnerlib.output import chosen_format
from runnerlib.output.log.format import streamed, structured, timestamp
from runnerlib.output.log.level import LogLevel, chosen_level, passes
from runnerlib.output.log.trace_context import context

if TYPE_CHECKING:
    from collections.abc import Mapping


class StructuredLogger:
    """Writes lines with a level and fields to stderr, for the part `component` of a program.

    With JSON the fields of every line say which job this is, and in which trace, if the environment does.
    """

    def __init__(self, component: str = "runnerlib") -> None:
        self.component = component

    def debug(self, message: str, fields: Mapping[str, object] | None = None) -> None:
        """Log a detail that only debugging needs."""
        self._log(LogLevel.DEBUG, message, fields)

    def info(self, message: str, fields: Mapping[str, object] | None = None) -> None:
        """Log a normal event."""
        self._log(LogLevel.INFO, message, fields)

    def warning(self, message: str, fields: Mapping[str, object] | None = None) -> None:
        """Log a problem that does not stop the work."""
        self._log(LogLevel.WARNING, message, fields)

    def error(
        self, message: str, error: BaseException | None = None, fields: Mapping[str, object] | None = None
    ) -> None:
        """Log a failure, and the exception that caused it."""
        self._log(LogLevel.ERROR, message, fields, error)

    def fatal(
        self, message: str, error: BaseException | None = None, fields: Mapping[str, object] | None = None
    ) -> NoReturn:
        """Log why the program cannot go on, and exit with code 1 (SystemExit)."""
        self._log(LogLevel.FATAL, message, fields, error)
        sys.exit(1)

    def with_component(self, component: str) -> StructuredLogger:
        """A logger for another part of the program."""
        return StructuredLogger(component)

    def _log(
        self,
        level: LogLevel,
        message: str,
        fields: Mapping[str, object] | None,
        error: BaseException | None = None,
    ) -> None:
        if not passes(level, chosen_level(os.environ)):
            return
        as_json = chosen_format(os.environ) == "json"
        known = {**context(os.environ), **(fields or {})} if as_json else fields
        failure = (type(error).__name__, str(error)) if error is not None else None
        _write(structured(timestamp(), level, self.component, message, known, failure, as_json=as_json), "stderr")


logger = StructuredLogger()
"""The logger of `runnerlib` itself."""


def log_line(message: str, stream: Literal["stdout", "stderr"] = "stdout") -> None:
    """Write a line with the time to `stream`."""
    _write(streamed(timestamp(), stream, message, as_json=chosen_format(os.environ) == "json"), stream)


def log_stdout(message: str) -> None:
    """Write a line with the time to stdout."""
    log_line(message, "stdout")


def log_stderr(message: str) -> None:
    """Write a line with the time to stderr."""
    log_line(message, "stderr")


def _write(line: str, stream: str) -> None:
    where = sys.stderr if stream == "stderr" else sys.stdout
    if where is not None:
        where.write(f"{line}\n")
        where.flush()
