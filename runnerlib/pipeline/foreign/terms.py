"""Parts of conditions that are made from those of other systems."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from runnerlib.pipeline.foreign.shell_text import Untranslatable

if TYPE_CHECKING:
    from collections.abc import Sequence

NEVER = "not always()"
"""The condition of a job that does not run as it is: one whose own condition cannot be said, or can never hold."""


class Term(NamedTuple):
    """A part of a condition: its kind (text, boolean, number), our words for it, and its value where that is known.

    `path` is the name that it was, for comparisons that depend on it.
    """

    kind: str
    code: str
    value: object = None
    path: tuple[str, ...] = ()


# Names whose values may be true, false and numbers.
_TYPED = (("matrix",), ("inputs",))
TRUE, FALSE = Term("boolean", "true", True), Term("boolean", "false", False)


def quoted(text: str) -> str:
    """Return a text as a condition has it."""
    escaped = text.replace("\\", "\\\\").replace("'", "\\'").replace("\n", "\\n").replace("\t", "\\t")
    return f"'{escaped}'"


def text_term(text: str) -> Term:
    """A text that is known."""
    return Term("text", quoted(text), text)


def holds(code: str) -> Term:
    """A part that is true or false."""
    return Term("boolean", code)


def boolean(term: Term) -> Term:
    """Return a part as one that is true or false: a text is true where it is not empty. Raises Untranslatable."""
    if term.kind == "boolean":
        return term
    if isinstance(term.value, str):
        return TRUE if term.value else FALSE
    if term.kind == "text" and term.path[:1] in _TYPED:
        return holds(f"!({term.code} in ['', 'false', '0'])")
    if term.kind == "text":
        return holds(f"{term.code} != ''")
    raise Untranslatable(f"'{term.code}' as a condition")


def both(terms: Sequence[Term]) -> Term:
    """Return whether all of them hold."""
    return _joined(terms, "and", neutral=True)


def either(terms: Sequence[Term]) -> Term:
    """Return whether one of them holds."""
    return _joined(terms, "or", neutral=False)


def _joined(terms: Sequence[Term], word: str, *, neutral: bool) -> Term:
    if any(term.value is not None and term.value is not neutral for term in terms):
        return FALSE if neutral else TRUE
    left = list(dict.fromkeys(term.code for term in terms if term.value is None))
    if not left:
        return TRUE if neutral else FALSE
    return holds(left[0] if len(left) == 1 else f"({f' {word} '.join(left)})")


def negated(term: Term) -> Term:
    """Return whether it does not hold."""
    if term.value is not None:
        return FALSE if term.value else TRUE
    if term.code.startswith("!(") and outer(term.code[1:]) != term.code[1:]:
        return holds(term.code[1:])
    simple = " and " not in term.code and " or " not in term.code
    for sign, other in ((" == ", " != "), (" != ", " == ")):
        if simple and term.code.count(sign) == 1 and other not in term.code:
            return holds(term.code.replace(sign, other))
    if simple and (found := re.fullmatch(r"!(\w+\([^()]*\))", term.code)):
        return holds(found[1])
    return holds(f"!{term.code}" if re.fullmatch(r"\w+\([^()]*\)", term.code) else f"!({outer(term.code)})")


def outer(code: str) -> str:
    """Return a condition without the parentheses around all of it."""
    while code.startswith("(") and code.endswith(")"):
        depth = 0
        for at, sign in enumerate(code):
            depth += {"(": 1, ")": -1}.get(sign, 0)
            if not depth and at < len(code) - 1:
                return code
        code = code[1:-1]
    return code
