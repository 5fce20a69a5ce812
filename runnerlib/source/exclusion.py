"""What a copy leaves out, by patterns as in a `.gitignore`. Pure.

A pattern with a slash at its beginning or in its middle counts from the top, any other at every depth; one with a
slash at its end means directories only; `!` takes back what an earlier one excludes, and the last that matches
decides. Nothing below an excluded directory is looked at. `*`, `?` and `[…]` match within a name, `**` any number of
directories. Source: `git help gitignore`; without its backslashes, for which `[…]` serves.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from runnerlib.errors import SourceError, one_line
from runnerlib.path_glob import matches

if TYPE_CHECKING:
    from collections.abc import Iterable


class Pattern(NamedTuple):
    """One pattern as a glob of a whole path."""

    glob: str
    takes_back: bool
    directories_only: bool


def read(lines: Iterable[str]) -> tuple[Pattern, ...]:
    """The patterns of `lines`; blank ones and comments are passed over. Raises `SourceError`."""
    return tuple(_pattern(line) for line in map(str.strip, lines) if line and not line.startswith("#"))


def excluded(path: str, is_directory: bool, patterns: tuple[Pattern, ...]) -> bool:
    """Whether `path`, counted from the top, is left out by itself, whatever becomes of what is above it."""
    for pattern in reversed(patterns):
        if (is_directory or not pattern.directories_only) and matches(path, pattern.glob):
            return not pattern.takes_back
    return False


def _pattern(line: str) -> Pattern:
    if "\\" in line:
        raise SourceError(f"exclusion '{one_line(line)}' holds a backslash; write [{line.partition(chr(92))[2][:1]}]")
    text = line.removeprefix("!")
    glob = text.rstrip("/")
    if not glob:
        raise SourceError(f"exclusion '{one_line(line)}' names nothing")
    anchored = "/" in glob
    glob = glob.removeprefix("/").replace("[^", "[!")
    if not anchored:
        glob = f"**/{glob}"
    if glob.endswith("/**") or glob == "**":
        glob += "/*"  # what is in a directory, not itself
    return Pattern(glob, line.startswith("!"), text.endswith("/"))
