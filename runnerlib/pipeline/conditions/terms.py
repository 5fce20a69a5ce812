"""The parts of a condition, ready to be evaluated. The kind of each is known before it ever is."""

from __future__ import annotations

import operator
import re
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, get_args

from runnerlib._util.path_glob import matches
from runnerlib.errors import unknown
from runnerlib.events.result import Cause, Outcome
from runnerlib.pipeline.conditions.context import VARIABLES
from runnerlib.pipeline.conditions.tokens import ConditionError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from runnerlib.pipeline.conditions.context import Facts

Kind = Literal["text", "number", "boolean", "null"]
"""The type of a term; a number may turn out to be null."""

_NUMBER = re.compile(r"\s*(-?[0-9]{1,15}(?:\.[0-9]{1,15})?)\s*")
_LONGEST_SHOWN = 100
_ADVICE = {
    "text": "a text is neither true nor false; compare it, as in … == 'true'",
    "number": "a number is neither true nor false; compare it, as in … != 0",
    "null": "null is neither true nor false",
}


class Term(NamedTuple):
    """A part of a condition: `value` returns its value for given facts.

    `choices` are all texts that it can be, if those are known.
    """

    kind: Kind
    column: int
    value: Callable[[Facts], Any]
    literal: object = None
    choices: tuple[str, ...] = ()

    def boolean(self) -> Term:
        """Itself, if it is true or false. Raises ConditionError."""
        if self.kind != "boolean":
            raise ConditionError(_ADVICE[self.kind], self.column)
        return self


class Function(NamedTuple):
    """A function of texts: the number of its arguments (at least this if `more`), and its result."""

    takes: int
    kind: Kind
    call: Callable[..., Any]
    more: bool = False


def described(name: str, value: object) -> str:
    """Return a short description of a value, on one line.

    A long text, or one of several lines, is not shown: a part of a secret would not be found and masked.
    """
    if value is None or value == "":
        return f"{name} is {'null' if value is None else 'not known' if name in VARIABLES else 'empty'}"
    text = str(value)
    if len(text) > _LONGEST_SHOWN or not text.isprintable():
        return f"{name} is a text of {len(text):,} characters"
    return f"{name} is '{text}'" if isinstance(value, str) else f"{name} is {text}"


def number_in(text: str) -> float | None:
    """The number that `text` is; None if it is none."""
    found = _NUMBER.fullmatch(text)
    return float(found[1]) if found else None


# Each call gets the facts and the texts.
FUNCTIONS: Mapping[str, Function] = {
    "always": Function(0, "boolean", lambda _facts: True),
    "cancelled": Function(0, "boolean", lambda facts: bool(facts.cancelled)),
    "changed": Function(1, "boolean", lambda facts, *globs: any(map(facts.changed, globs)), more=True),
    "contains": Function(2, "boolean", lambda _facts, text, part: part in text),
    "endswith": Function(2, "boolean", lambda _facts, text, part: text.endswith(part)),
    "failure": Function(0, "boolean", lambda facts: bool(facts.failed)),
    "matches": Function(2, "boolean", lambda _facts, text, glob: matches(text, glob)),
    "number": Function(1, "number", lambda _facts, text: number_in(text)),
    "startswith": Function(2, "boolean", lambda _facts, text, part: text.startswith(part)),
    "success": Function(0, "boolean", lambda facts: not (facts.failed or facts.cancelled)),
}

DECIDING = frozenset({"always", "cancelled", "failure", "success"})
"""Functions that say how it goes: a condition with one of them is not joined with `success()`."""

ORDER: Mapping[str, Callable[[Any, Any], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
COMPARISONS = ("==", "!=", *ORDER, "in")


def literal(kind: Kind, column: int, value: object) -> Term:
    """A value that is written in the condition."""
    return Term(kind, column, lambda _facts: value, value)


def call(name: str, column: int, given: Sequence[Term]) -> Term:
    """The function `name` of `given`. Raises ConditionError."""
    if name not in FUNCTIONS:
        raise ConditionError(unknown("function", name, FUNCTIONS), column)
    function = FUNCTIONS[name]
    if len(given) < function.takes or (len(given) > function.takes and not function.more):
        least = "at least " if function.more else ""
        counted = f"{least}{function.takes or 'no'} {'text' if function.takes == 1 else 'texts'}"
        raise ConditionError(f"{name} takes {counted}, got {len(given)}", column)
    for term in given:
        if term.kind != "text":
            raise ConditionError(f"{name} takes texts, this is a {term.kind}", term.column)
    values = [term.value for term in given]
    return Term(function.kind, column, lambda facts: function.call(facts, *(value(facts) for value in values)))


def either(terms: Sequence[Term]) -> Term:
    """Return a term that is true if one of `terms` is; the terms after it are not evaluated."""
    values = [term.boolean().value for term in terms]
    return Term("boolean", terms[0].column, lambda facts: any(value(facts) for value in values))


def both(terms: Sequence[Term]) -> Term:
    """Return a term that is true if all `terms` are; the terms after a false one are not evaluated."""
    values = [term.boolean().value for term in terms]
    return Term("boolean", terms[0].column, lambda facts: all(value(facts) for value in values))


def negated(term: Term, column: int) -> Term:
    """Return a term that is true if `term` is false."""
    value = term.boolean().value
    return Term("boolean", column, lambda facts: not value(facts))


def compared(left: Term, sign: str, right: Term) -> Term:
    """A comparison, or `in` with a text on the right. Raises ConditionError for kinds that never go together."""
    first, second = left.value, right.value
    if sign == "in":
        return call("contains", left.column, (right, left))._replace(column=left.column)
    if sign in {"==", "!="}:
        _can_be_equal(left, right)
        wanted = sign == "=="
        return Term("boolean", left.column, lambda facts: (first(facts) == second(facts)) is wanted)
    if left.kind != right.kind or left.kind not in {"text", "number"}:
        raise ConditionError(f"'{sign}' compares two numbers or two texts{_hint(left, right)}", left.column)
    compare = ORDER[sign]
    if left.kind == "text":
        return Term("boolean", left.column, lambda facts: compare(first(facts), second(facts)))
    return Term("boolean", left.column, lambda facts: _in_order(compare, first(facts), second(facts)))


def one_of(left: Term, members: Sequence[Term]) -> Term:
    """Return a term that is true if `left` is one of the list `members`."""
    for member in members:
        _can_be_equal(left, member)
    value, values = left.value, [member.value for member in members]
    return Term("boolean", left.column, lambda facts: value(facts) in [each(facts) for each in values])


def _in_order(compare: Callable[[Any, Any], bool], left: float | None, right: float | None) -> bool:
    return left is not None and right is not None and compare(left, right)


def _can_be_equal(left: Term, right: Term) -> None:
    kinds = {left.kind, right.kind}
    if len(kinds) > 1 and kinds != {"number", "null"}:
        raise ConditionError(f"a {left.kind} and a {right.kind} are never equal{_hint(left, right)}", right.column)
    for one, other in ((left, right), (right, left)):
        if one.choices and isinstance(other.literal, str) and other.literal not in one.choices:
            raise ConditionError(unknown("value", other.literal[:100], one.choices), other.column)


def _hint(left: Term, right: Term) -> str:
    kinds = {left.kind, right.kind}
    if kinds == {"text", "number"}:
        return "; number(…) makes a number of a text"
    if kinds == {"text", "boolean"}:
        return "; put 'true' or 'false' in quotes"
    return "; what is missing is the empty text, ''" if kinds == {"text", "null"} else ""


def variable(name: str, column: int) -> Term:
    """Return a term for the text of a variable."""
    if name == "branch":
        return Term("text", column, lambda facts: facts.branch)
    return Term("text", column, lambda facts: facts.variables.get(name, ""))


def environment(name: str, column: int) -> Term:
    """A variable of the environment, empty when it is not set."""
    return Term("text", column, lambda facts: facts.env.get(name, ""))


def workflow_variable(name: str, column: int) -> Term:
    """A variable of the workflow, empty when there is none."""
    return Term("text", column, lambda facts: facts.vars.get(name, ""))


def given_input(name: str, column: int) -> Term:
    """The value of an input, empty when there is none."""
    return Term("text", column, lambda facts: facts.inputs.get(name, ""))


def output(step: str, key: str, column: int) -> Term:
    """An output of a step, empty when there is none."""

    def value(facts: Facts) -> str:
        result = facts.steps.get(step)
        return result.outputs.get(key, "") if result else ""

    return Term("text", column, value)


def exit_code(step: str, column: int) -> Term:
    """The exit code of a step, null when it did not run."""

    def value(facts: Facts) -> int | None:
        result = facts.steps.get(step)
        return result.exit_code if result and result.outcome != "skipped" else None

    return Term("number", column, value)


def result_field(step: str, field: str, column: int) -> Term:
    """Return a term for the outcome, cause or reason of a step."""
    choices: dict[str, tuple[str, ...]] = {"outcome": get_args(Outcome), "cause": get_args(Cause)}

    def value(facts: Facts) -> str:
        result = facts.steps.get(step)
        return str(getattr(result, field)) if result else ""

    return Term("text", column, value, None, choices.get(field, ()))
