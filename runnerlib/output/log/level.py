"""Levels of log lines."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


class LogLevel(Enum):
    """Importance of a log line; later members are more important."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"
    FATAL = "fatal"


LEVELS = tuple(level.value for level in LogLevel)


def chosen_level(environ: Mapping[str, str], setting: str | None = None) -> LogLevel:
    """Return `setting` or, without one, LOG_LEVEL; INFO for any other value, as it may be meant for the job."""
    named = setting or environ.get("LOG_LEVEL", "").lower()
    return LogLevel(named) if named in LEVELS else LogLevel.INFO


def passes(level: LogLevel, least: LogLevel) -> bool:
    """Return whether a line of `level` is written if `least` is the lowest level that is."""
    return LEVELS.index(level.value) >= LEVELS.index(least.value)
