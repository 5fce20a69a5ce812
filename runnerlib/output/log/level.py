"""Which form the lines of the log have, and which lines there are."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

FORMATS = ("text", "json")


class LogLevel(Enum):
    """How important a line is; later members are more so."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"
    FATAL = "fatal"


LEVELS = tuple(level.value for level in LogLevel)


def chosen_format(environ: Mapping[str, str], setting: str | None = None) -> str:
    """`setting` or, without one, LOG_FORMAT; text when that says something else, as it may be meant for the job."""
    named = setting or environ.get("LOG_FORMAT", "").lower()
    return named if named in FORMATS else "text"


def chosen_level(environ: Mapping[str, str], setting: str | None = None) -> LogLevel:
    """`setting` or, without one, LOG_LEVEL; INFO when that says something else, as it may be meant for the job."""
    named = setting or environ.get("LOG_LEVEL", "").lower()
    return LogLevel(named) if named in LEVELS else LogLevel.INFO


def passes(level: LogLevel, least: LogLevel) -> bool:
    """Whether a line of `level` is written where `least` is the least important that is."""
    return LEVELS.index(level.value) >= LEVELS.index(least.value)
