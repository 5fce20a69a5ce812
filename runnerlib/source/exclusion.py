"""Exclusion from a copy by patterns as in a `.gitignore`. Pure.

A pattern with a slash at its beginning or in its middle counts from the top, any other at every depth; one with a
slash at its end means directories only; `!` takes back what an earlier one excludes, and the last that matches
decides. Nothing below an excluded directory is looked at. `*`, `?` and `[…]` match within a name, `**` any number of
directories. Source: `git help gitignore`.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from runnerlib._util.path_glob import matches
from runnerlib.errors import SourceError, one_line
from runnerlib.source.ignore_patterns import glob_of

if TYPE_CHECKING:
    from collections.abc import Iterable


_BLANKS = re.compile(r"(?<!\\) +\Z")  # after an even number of backslashes, too, which is not used in practice


class Pattern(NamedTuple):
    """One pattern as a glob of a whole path."""

    glob: str
    takes_back: bool
    directories_only: bool


def read(lines: Iterable[str]) -> tuple[Pattern, ...]:
    """The patterns of `lines`, of which none may be nothing but slashes or `!`. Raises `SourceError`."""
    for line in lines:
        if line and not line.removeprefix("!").strip("/ "):
            raise SourceError(f"exclusion '{one_line(line)}' names nothing")
    return _patterns(lines)


def of_file(text: str) -> tuple[Pattern, ...]:
    """Read the patterns of a file such as a `.gitignore`: an invalid one matches nothing, as with git."""
    return _patterns(line.removesuffix("\r") for line in text.removeprefix("\ufeff").split("\n"))


def _patterns(lines: Iterable[str]) -> tuple[Pattern, ...]:
    """Blank lines and comments are passed over."""
    found = (_pattern(line) for line in lines if not line.startswith("#"))
    return tuple(pattern for pattern in found if pattern is not None)


def excluded(path: str, is_directory: bool, patterns: tuple[Pattern, ...]) -> bool:
    """Return whether the patterns exclude `path`, relative to the top, without regard to its parent directories."""
    for pattern in reversed(patterns):
        if (is_directory or not pattern.directories_only) and matches(path, pattern.glob):
            return not pattern.takes_back
    return False


def _pattern(line: str) -> Pattern | None:
    """The pattern of a line; None when that matches nothing. A blank at its end counts if a backslash is before it."""
    text = _BLANKS.sub("", line).removeprefix("!")
    glob = glob_of(text.rstrip("/"))
    if not glob:
        return None
    anchored = "/" in glob
    glob = glob.removeprefix("/")
    if not anchored:
        glob = f"**/{glob}"
    if glob.endswith("/**") or glob == "**":
        glob += "/*"  # what is in a directory, not itself
    return Pattern(glob, line.startswith("!"), text.endswith("/"))
