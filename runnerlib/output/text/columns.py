"""Texts on a screen: how wide they are, padded, shortened or wrapped to a width, and the colours of names."""

from __future__ import annotations

import unicodedata
from collections import Counter
from typing import TYPE_CHECKING

from runnerlib.errors import one_line

if TYPE_CHECKING:
    from collections.abc import Iterable

_WIDEST = 24
_NARROWEST = 8

# Colours of names, readable on dark and on light grounds; green, yellow and red are for outcomes.
PALETTE = ("36", "35", "34", "96", "95", "94")


def columns(text: str) -> int:
    """Return the number of terminal columns that `text` takes."""
    return len(text) if text.isascii() else sum(map(_columns, text))


def _columns(char: str) -> int:
    if unicodedata.combining(char) or unicodedata.category(char) in {"Mn", "Me", "Cf"}:
        return 0
    return 2 if unicodedata.east_asian_width(char) in "WF" else 1


def shortened(text: str, width: int, mark: str = "…") -> str:
    """`text` if it fits into `width` columns, else its beginning and `mark`."""
    if columns(text) <= width:
        return text
    return text[: _fitting(text, width - columns(mark))] + mark


def wrapped(text: str, width: int, mark: str = "…") -> list[str]:
    """`text` as lines of at most `width` columns, broken at blanks; 0 is no limit.

    A word that is too long for a line is cut, with `mark` at the end of the line; wide characters are words of their
    own, as their scripts have no blanks.
    """
    lines = []
    while 0 < width < columns(text):
        end = _fitting(text, width)
        wide = end < 2 or _columns(text[end - 1]) == 2 or _columns(text[end]) == 2
        if text[end] == " " or wide:
            line, text = text[: max(end, 1)], text[max(end, 1) :]
        elif (blank := text.rfind(" ", 0, end)) > 0 and not text[:blank].isspace():
            line, text = text[:blank], text[blank:]
        else:
            end = max(_fitting(text, width - columns(mark)), 1)
            line, text = text[:end] + mark, text[end:]
        lines.append(line.rstrip(" "))
        text = text.lstrip(" ")
    return [*filter(None, lines), *([text] if text or not lines else [])]


def hanging(text: str, width: int, before: str = "", indent: str | None = None) -> list[str]:
    """`text` behind `before`, wrapped to `width` columns; further lines begin with `indent`, or are as far in."""
    after = " " * columns(before) if indent is None else indent
    room = max(width - columns(before), 1) if width else 0
    first, *rest = wrapped(text, room)
    return [before + first, *(after + line for line in rest)]


def _fitting(text: str, width: int) -> int:
    """Return how many characters of `text` fit into so many columns; those without a width belong to the one before."""
    for number, char in enumerate(text):
        width -= _columns(char)
        if width < 0:
            return number
    return len(text)


def told_apart(names: Iterable[str], width: int, mark: str = "…") -> dict[str, str]:
    """Each name in about `width` columns, different from those of all other names.

    A long one keeps its beginning. Where that makes names equal they keep their ends too, and where that is not
    enough, they are numbered.
    """
    names = dict.fromkeys(names)
    shown = {name: shortened(name, width, mark) for name in names}
    count = Counter(shown.values())
    taken = {name for name in names if shown[name] == name}
    for name in names.keys() - taken:
        if count[shown[name]] > 1:
            shown[name] = _without_middle(name, width, mark)
    number = 1
    for name in names:
        if shown[name] == name:
            continue
        while shown[name] in taken:
            number += 1
            shown[name] = shortened(name, max(width - len(str(number)), columns(mark)), mark) + str(number)
        taken.add(shown[name])
    return shown


def _without_middle(text: str, width: int, mark: str) -> str:
    """The beginning and the end of a text that is too long."""
    room = (width - columns(mark)) // 2
    tail: list[str] = []
    for char in reversed(text):
        room -= _columns(char)
        if room < 0:
            break
        tail.append(char)
    end = "".join(reversed(tail))
    return shortened(text, width - columns(end), mark) + end


def padded(text: str, width: int, mark: str = "…") -> str:
    """`text` in exactly `width` columns."""
    text = shortened(text, width, mark)
    return text + " " * (width - columns(text))


def common_width(names: Iterable[str], width: int = 0) -> int:
    """The columns that the names of steps get in a line of `width` columns; 0 is no limit."""
    most = min(_WIDEST, max(width // 3, _NARROWEST)) if width else _WIDEST
    return min(max((columns(one_line(name)) for name in names), default=0), most)
