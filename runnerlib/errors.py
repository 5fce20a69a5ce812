"""Errors for the user; the command line renders them in one place, masked.

A message is lower case, quotes its subject, says what was got and what is allowed, ends without a
full stop and never holds a secret. A failing step is a result, not an error.
"""

from __future__ import annotations

import os
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


# The number of names that an error lists, and compares with: a job may have thousands of steps.
_LISTED = 60
_COMPARED = 1000
# Characters of a line that quotes text of others: the title of a process may have megabytes.
_LONGEST_LINE = 2000


class RunnerError(Exception):
    """The runner itself failed: source preparation, an engine, the output, an internal fault."""

    exit_code = 125


class ConfigError(RunnerError, ValueError):
    """A setting, a file or an argument is wrong; nothing was started. Scripts may catch it as a ValueError.

    `texts` has the files by name whose lines the message names as NAME:LINE:COLUMN, as far as they were read.
    """

    # EX_CONFIG of sysexits.h: a step's own code is hardly ever that, as it is 2 with make, grep or pytest.
    exit_code = 78
    texts: Mapping[str, str] = MappingProxyType({})


class PathError(ConfigError):
    """A path is empty, relative or leads out of the workspace; nothing was touched."""


class SourceError(RunnerError):
    """A source could not be prepared; the previous content of its target is still there."""


class TamperedError(RunnerError):
    """The trusted CI source is not any more what was prepared; no further step may start."""


class TimeLimitError(RunnerError):
    """The time limit of the job was over before its sources were prepared."""

    exit_code = 124


class UnpreparedError(SourceError, OSError, ValueError):
    """An error of the functions with names of Reactorcide's runner; scripts catch OSError or ValueError there."""


class NotFoundError(UnpreparedError, FileNotFoundError):
    """The same, where there is nothing at a path."""


class OutputError(RunnerError):
    """The job's output cannot be delivered any more: its reader is gone, or the disk is full."""


class Interrupted(RunnerError):  # noqa: N818 - an event from outside, not a fault
    """A signal requests that the runner stops; raised from signal handlers while no step runs."""

    def __init__(self, signum: int, name: str) -> None:
        super().__init__(f"stopped by {name}")
        self.exit_code = 128 + signum


def unprepared(error: SourceError, place: str | os.PathLike[str] | None) -> UnpreparedError:
    """Return `error` as an OSError: a NotFoundError if nothing is at the path `place`, None for what is no path."""
    if place is not None and not os.path.lexists(place):
        return NotFoundError(str(error))
    return UnpreparedError(str(error))


def unknown(kind: str, got: str, allowed: Iterable[str]) -> str:
    """Return the text that `got` is no `kind`, with the allowed value that was meant, else with all of them."""
    names = list(allowed)
    if near := suggestion(got, names):
        return f"unknown {kind} '{got}'{near}"
    more = ", …" if len(names) > _LISTED else ""
    return f"unknown {kind} '{got}' ({', '.join(names[:_LISTED])}{more})"


def suggestion(got: str, names: list[str]) -> str:
    """Return the end of an error text that asks for the nearest of some names; '' when none is near."""
    from difflib import get_close_matches  # a start without an error does not need it

    near = get_close_matches(got, names[:_COMPARED], n=1)
    return f"; did you mean '{near[0]}'?" if near else ""


def printable(text: str) -> str:
    """`text` with control characters and undecodable bytes escaped, line breaks and tabs excepted.

    What the runner says may quote names that others chose; they must not move the cursor.
    """
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() or c in "\n\t" else c.encode("unicode_escape").decode() for c in text)


def one_line(text: str) -> str:
    """`text` as one line that moves no cursor, cut at 2,000 characters.

    A name, a title or an answer that others chose must not look like a further line of the runner.
    """
    return printable(flattened(text)).replace("\t", " ")


def flattened(text: str) -> str:
    """`text` as one line, cut at 2,000 characters; for readers that escape the rest themselves."""
    cut = text if len(text) <= _LONGEST_LINE else f"{text[:_LONGEST_LINE]}…"
    return cut.replace("\n", " ")
