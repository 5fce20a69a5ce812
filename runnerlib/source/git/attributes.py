"""Check of .gitattributes for features that libgit2 treats differently from git; they are refused. Pure.

The differences were found by comparing both.
"""

from __future__ import annotations

import re

_IDENT = re.compile(rb"\$Id")


def beyond(text: bytes) -> str | None:
    """Name the first feature in a file of attributes that only git treats correctly; None when there is none."""
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
    """Return whether a file of attributes asks for identifiers to be written into other files."""
    return b"ident" in text.split()


def is_plain_ident(content: bytes) -> bool:
    """Return whether a file with the attribute `ident` has at most one `$Id$`, in the form that libgit2 supports."""
    found = len(_IDENT.findall(content))
    return not found or (found == 1 and b"$Id$" in content and b"\0" not in content)
