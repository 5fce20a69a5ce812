"""Names of steps for the eye: how wide a text is on a screen, padded or shortened, and its colour."""

from __future__ import annotations

import unicodedata
from collections import Counter
from typing import TYPE_CHECKING

from runnerlib.errors import one_line

if TYPE_CHECKING:
    from collections.abc import Iterable

_WIDEST = 24

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
    room = width - columns(mark)
    kept = []
    for char in text:
        room -= _columns(char)
        if room < 0:
            break
        kept.append(char)
    return "".join(kept) + mark


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


def common_width(names: Iterable[str]) -> int:
    """The columns that the names of steps get."""
    return min(max((columns(one_line(name)) for name in names), default=0), _WIDEST)
