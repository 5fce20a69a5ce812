"""The words a condition is written in."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from runnerlib.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterator

LONGEST = 10_000
"""Characters of a condition, at most."""

_WRAPPED = re.compile(r"(\s*\$\{\{).*\}\}\s*", re.DOTALL)
_TOKEN = re.compile(
    r"""\s*(?:
      (?P<number>-?[0-9]+(?:\.[0-9]+)?)(?![\w.])
    | (?P<name>[^\W\d][\w-]*)
    | (?P<text>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')
    | (?P<sign>==|!=|<=|>=|&&|\|\||[<>!(),.\[\]])
    | (?P<end>\Z)
    )""",
    re.VERBOSE | re.DOTALL,
)
_PART = re.compile(r"\w[\w-]*")
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)
_ESCAPED = {"\\": "\\", "'": "'", '"': '"', "n": "\n", "t": "\t"}
_HALVES = {"=": "==", "&": "&&", "|": "||"}
_DIGITS = 15
_LONGEST_NAME = 100


class ConditionError(ConfigError):
    """A condition has an error: `text` describes it; `column` is its position in characters from 1."""

    def __init__(self, text: str, column: int) -> None:
        super().__init__(f"column {column}: {text}")
        self.text = text
        self.column = column


class Token(NamedTuple):
    """A word; `text` is its meaning, so without the quotes of a string. The last is of kind `end`."""

    kind: str
    text: str
    column: int

    def is_sign(self, *signs: str) -> bool:
        """Return whether this is one of the signs, or of the words used for one."""
        return self.kind in {"sign", "name"} and self.text in signs


def tokens(condition: str) -> Iterator[Token]:
    """The words of `condition`, without a `${{ … }}` around all of it. Raises ConditionError."""
    if len(condition) > LONGEST:
        raise ConditionError(f"a condition has at most {LONGEST:,} characters", LONGEST + 1)
    wrapped = _WRAPPED.fullmatch(condition)
    at = wrapped.end(1) if wrapped else 0
    end = condition.rindex("}}") if wrapped else len(condition)
    kind = ""
    after_dot = False
    while kind != "end":
        part = _PART.match(condition, at, end) if after_dot else None
        if part:  # `steps.2nd-try`: what follows a dot may begin with a digit
            yield Token("name", _name(part[0], at + 1), at + 1)
            kind, at, after_dot = "name", part.end(), False
            continue
        found = _TOKEN.match(condition, at, end)
        if found is None:
            raise _strange(condition[at:end], at)
        kind = found.lastgroup or ""
        column = found.start(kind) + 1
        yield Token(kind, _meaning(kind, found[kind], column), column)
        at, after_dot = found.end(), found[kind] == "."


def _meaning(kind: str, word: str, column: int) -> str:
    if kind == "text":
        return _unescaped(word, column)
    if kind == "number" and len(word) > _DIGITS:
        raise ConditionError(f"a number has at most {_DIGITS} characters", column)
    return _name(word, column) if kind == "name" else word


def _name(word: str, column: int) -> str:
    if len(word) > _LONGEST_NAME:
        raise ConditionError(f"a name has at most {_LONGEST_NAME} characters", column)
    return word


def _unescaped(word: str, column: int) -> str:
    for escape in _ESCAPE.finditer(word):
        if escape[1] not in _ESCAPED:
            raise ConditionError(r"of escapes there are \\, \', \", \n and \t", column + escape.start())
    return _ESCAPE.sub(lambda escape: _ESCAPED[escape[1]], word[1:-1])


def _strange(rest: str, at: int) -> ConditionError:
    column = at + len(rest) - len(rest.lstrip()) + 1
    character = rest.lstrip()[0]
    if character in "'\"":
        return ConditionError("the quote that ends this text is missing", column)
    if character in _HALVES:
        return ConditionError(f"unknown sign '{character}'; did you mean '{_HALVES[character]}'?", column)
    if character in "-0123456789":
        return ConditionError("a number is written as 3, -3 or 3.5", column)
    shown = f" '{character}'" if character.isprintable() else ""
    return ConditionError(f"a character that means nothing here{shown}; texts stand in quotes", column)
