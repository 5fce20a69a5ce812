"""Globs of paths, segment by segment, as Reactorcide's workflow files have them; pure.

`*`, `?` and `[…]` match within one segment and `**` as a segment of its own any number of them, none
included: `src/**` matches `src` and all below it, `*.md` only the top level. Case counts; a leading dot
is a character as any other. `docs/` means `docs/**`.
"""

from __future__ import annotations

import re
from fnmatch import translate
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    Segment = re.Pattern[str] | None
    """The pattern for one segment of a path; None stands for `**`."""


def matches(path: str, glob: str) -> bool:
    """Return whether `glob` matches the whole of `path`.

    At worst it takes time proportional to the product of their lengths.
    """
    return _matches(path.split("/"), _segments(glob))


def any_matches(paths: Iterable[str], glob: str) -> bool:
    """Return whether `glob` matches at least one of `paths`."""
    return any(matches(path, glob) for path in paths)


def may_match_below(directory: str, glob: str) -> bool:
    """Return whether `glob` can match anything below `directory`."""
    wanted = _segments(glob)
    for number, part in enumerate(directory.split("/")):
        if number >= len(wanted):
            return False
        segment = wanted[number]
        if segment is None:
            return True
        if not segment.match(part):
            return False
    return len(wanted) > directory.count("/") + 1


@lru_cache(maxsize=256)
def _segments(glob: str) -> tuple[Segment, ...]:
    parts = [part for part in glob.split("/") if part not in {"", "."}]
    if glob.endswith("/") and parts:
        parts.append("**")
    return tuple(None if part == "**" else re.compile(translate(part)) for part in parts)


def _matches(path: Sequence[str], glob: Sequence[Segment]) -> bool:
    """Take what comes; after a mismatch let the last `**` take one segment more. Earlier ones need none ever."""
    at = here = 0
    retry_at = retry_here = -1
    while here < len(path):
        wanted = glob[at] if at < len(glob) else _NOTHING
        if wanted is None:
            retry_at, retry_here = at, here
            at += 1
        elif wanted.match(path[here]):
            at, here = at + 1, here + 1
        elif retry_at < 0:
            return False
        else:
            retry_here += 1
            at, here = retry_at + 1, retry_here
    return all(wanted is None for wanted in glob[at:])


_NOTHING = re.compile(r"(?!)")
