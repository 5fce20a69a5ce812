"""What attributes ask for that libgit2 does otherwise than git, found by comparing them: it is refused. Pure."""

from __future__ import annotations

import re

_IDENT = re.compile(rb"\$Id")


def beyond(text: bytes) -> str | None:
    """What in a file of attributes only git does right; None when there is nothing."""
    if text.startswith(b"\xef\xbb\xbf"):
        return "a byte order mark"
    for line in text.split(b"\n"):
        pattern = line.strip()
        if pattern.startswith(b"#") or not pattern:
            continue
        if b"working-tree-encoding" in pattern:
            return "'working-tree-encoding'"
        if pattern.startswith((b"!", b'"')) or b"\\" in pattern:
            return "a pattern with '!', a quote or a backslash"
    return None


def asks_for_ident(text: bytes) -> bool:
    """Whether a file of attributes has identifiers written into other files."""
    return b"ident" in text.split()


def is_plain_ident(content: bytes) -> bool:
    """Whether a file with the attribute `ident` has one `$Id$` at most, of the form that libgit2 understands."""
    found = len(_IDENT.findall(content))
    return not found or (found == 1 and b"$Id$" in content and b"\0" not in content)
