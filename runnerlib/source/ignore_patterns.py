"""From a pattern of a `.gitignore`, with escapes and classes of characters, to a glob of `path_glob`. Pure."""

from __future__ import annotations

import re
import string

_CLASS = r"\[(?P<not>[!^]?)(?P<members>\]?(?>\[:[^\]]*:\]|\\.|[^\]\\])*)\]"
_PIECE = re.compile(rf"\\(?P<escaped>.)|{_CLASS}|(?P<plain>[^\[\\])", re.DOTALL)
_MEMBER = re.compile(r"\[:(?P<name>[^\]]*):\]|\\(?P<escaped>.)|(?P<plain>.)", re.DOTALL)
_LARGEST = 256  # characters of a range that are written one by one
_CLASSES = {
    "alnum": string.ascii_letters + string.digits,
    "alpha": string.ascii_letters,
    "blank": " \t",
    "cntrl": "".join(map(chr, range(32))) + "\x7f",
    "digit": string.digits,
    "graph": string.ascii_letters + string.digits + string.punctuation,
    "lower": string.ascii_lowercase,
    "print": string.ascii_letters + string.digits + string.punctuation + " ",
    "punct": string.punctuation,
    "space": " \t\n\r\f\v",
    "upper": string.ascii_uppercase,
    "xdigit": string.hexdigits,
}


def glob_of(pattern: str) -> str | None:
    """Translate `pattern` to a glob; None for one that matches nothing, such as one that ends inside a class."""
    pieces, at = [], 0
    while at < len(pattern):
        found = _PIECE.match(pattern, at)
        piece = None if found is None else _glob(found)
        if found is None or piece is None:
            return None
        pieces.append(piece)
        at = found.end()
    return "".join(pieces)


def _glob(piece: re.Match[str]) -> str | None:
    if piece["members"] is not None:
        return _class(piece["members"], negated=bool(piece["not"]))
    if piece["escaped"] is not None:
        return f"[{piece['escaped']}]" if piece["escaped"] in "*?[" else piece["escaped"]
    return piece["plain"]


def _class(text: str, *, negated: bool) -> str | None:
    """A class in the words of `fnmatch`, which knows no escapes; None when no character is in it."""
    members: set[str] = set()
    ranges: list[str] = []
    before, open_end = "", False
    for found in _MEMBER.finditer(text):
        char = found["escaped"] or found["plain"] or ""
        if found["name"] is not None:
            if found["name"] not in _CLASSES:
                return None
            members |= set(_CLASSES[found["name"]])
            before, open_end = "", False
        elif open_end:
            size = ord(char) - ord(before) + 1
            members |= set(map(chr, range(ord(before), ord(char) + 1))) if size <= _LARGEST else set()
            ranges += [f"{before}-{char}"] if size > _LARGEST else []
            before, open_end = "", False
        elif found["plain"] == "-" and before and found.end() < len(text):
            open_end = True
        else:
            members.add(char)
            before = char
    members.discard("/")  # no class matches it
    return _written(members, ranges, negated=negated)


def _written(members: set[str], ranges: list[str], *, negated: bool) -> str | None:
    if not members and not ranges:
        return "?" if negated else None
    if members == {"!"} and not ranges and not negated:
        return "!"
    # A bracket closes a class unless it is the first; `!` means itself unless it is the first, a dash as the last.
    order = sorted(members - set("]!-"))
    marks = [mark for mark in "]!-" if mark in members]
    first = [mark for mark in marks if mark == "]"]
    last = [mark for mark in marks if mark != "]"]
    return f"[{'!' if negated else ''}{''.join([*first, *order, *ranges, *last])}]"
