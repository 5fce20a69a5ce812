"""The commonest mistakes in YAML, explained in plain words from what a parser complains of. Pure.

Nothing of the text is quoted but single signs: a line may hold a secret.
"""

from __future__ import annotations

import re
from typing import NamedTuple, TypeAlias

_NO_SPACE_AFTER_COLON = re.compile(r"\s*(?:- +)?[\w.-]+:(?=[^\s:/\\])")
_NO_SPACE_AFTER_DASH = re.compile(r"\s*-(?=[A-Za-z_][\w.-]*:(?:\s|$))")
_VALUE = re.compile(r"\s*(?:- +)?(?:[\w .-]+: +|- +)(\S)")
_SIGNS = "[]{}&*!%@`"
_TAB = "a tab cannot indent; use spaces"
_MARGIN = "the indentation does not fit the lines above"


class Complaint(NamedTuple):
    """The complaint of a parser. Lines and columns count from 0; `since` is the start of the part that has no end."""

    problem: str
    context: str
    at: tuple[int, int]
    since: tuple[int, int] | None


Explanation: TypeAlias = tuple[str, tuple[int, int]]


def explain(text: str, complaint: Complaint) -> Explanation | None:
    """Return an explanation and the line and column that it is about; None for a mistake that is none of these."""
    lines = text.split("\n")
    number, column = complaint.at
    line = lines[number] if number < len(lines) else ""
    if complaint.problem == "mapping values are not allowed in this context":
        return _second_colon(lines, number, column)
    if complaint.problem == "found character that cannot start any token":
        sign = line[column : column + 1]
        return (_TAB if sign == "\t" else _quoted(sign)), complaint.at
    if complaint.problem == "found a tab character that violates indentation":
        return _TAB, complaint.at
    if "quoted scalar" in complaint.context and complaint.since:
        return "the quote that begins here is never closed", complaint.since
    begun = _VALUE.match(line)
    if begun and begun[1] in _SIGNS:
        return _quoted(begun[1]), (number, begun.start(1))
    return _unfinished(complaint, begun[1] if begun else "")


def _unfinished(complaint: Complaint, first: str) -> Explanation | None:
    """Explain a part that does not end as it should; `first` is the sign that the value of the line begins with."""
    if first in {"'", '"'} and complaint.problem == "did not find expected key":
        return "there is more after the closing quote; put all of the text in quotes", complaint.at
    if complaint.problem == "could not find expected ':'" and complaint.since:
        return "no 'key: value'; a line of a text of several lines is indented deeper than its key", complaint.since
    if complaint.problem in {"did not find expected '-' indicator", "did not find expected key"}:
        return _MARGIN, complaint.at
    return None


def _second_colon(lines: list[str], number: int, column: int) -> Explanation:
    """Explain a ': ' where no key can be: a missing space in the line before, or a value that needs quotes."""
    before = next((n for n in range(number - 1, -1, -1) if lines[n].strip()), None)
    for other in (number, before):
        if other is None:
            continue
        for pattern, sign in ((_NO_SPACE_AFTER_DASH, "-"), (_NO_SPACE_AFTER_COLON, ":")):
            if found := pattern.match(lines[other]):
                return f"a space is missing after '{sign}'", (other, found.end())
    if _VALUE.match(lines[number][:column]):
        return "a text with ': ' in it needs quotes", (number, column)
    return _MARGIN, (number, column)


def _quoted(sign: str) -> str:
    return f"a text that begins with '{sign}' needs quotes"
