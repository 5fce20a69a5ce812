"""Members of an archive as its reader reports them, not validated yet."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from runnerlib.errors import SourceError

Content = Iterable[tuple[int, bytes]]
"""Offsets in the file, and the bytes there; gaps between them are holes."""

_NOTHING: Content = ()
_UNSUSPICIOUS = 64 << 20  # bytes; no ratio makes this little a bomb


class Limits(NamedTuple):
    """Limits on unpacking: bytes, entries, and bytes for each byte of the archive."""

    size: int
    entries: int
    ratio: int


class Member(NamedTuple):
    """One entry of an archive; nothing in it is checked yet.

    `kind` is "file", "directory", "symlink", "hardlink", or what it is instead, in words. `size` is
    how long the file gets, holes included; `mtime` is in nanoseconds since 1970. `content` has to be read
    before the next member is asked for.
    """

    name: str
    kind: str
    mode: int = 0o644
    mtime: int | None = None
    size: int = 0
    link: str = ""
    content: Content = _NOTHING


class ArchiveError(SourceError):
    """A damaged archive, or one with refused content; nothing of it is in the target."""


def shown(name: str) -> str:
    """The name of an entry as an error may show it: quoted, on one line, not endless."""
    return repr(name if len(name) <= 200 else f"{name[:200]}…")


def only_zeros(block: bytes) -> bool:
    """Return whether nothing but zeros is in a block: it is written as a hole, and takes no space."""
    return not block or (not block[0] and not block[-1] and not block.strip(b"\0"))


def is_bomb(size: int, stored: int, limits: Limits) -> bool:
    """Return whether `size` bytes, zeros apart, are suspiciously many for the `stored` ones that they come from."""
    return size > max(_UNSUSPICIOUS, limits.ratio * stored)
