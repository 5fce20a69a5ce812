"""Parser of conditions: precedence of operators, and the grammar.

condition  = either                     either = both { ("||" | "or") both }
both       = negation { ("&&" | "and") negation }
negation   = "not" negation | comparison
comparison = operand [ ("==" | "!=" | "<" | "<=" | ">" | ">=" | "in") operand | "in" list ]
operand    = "!" operand | "(" either ")" | text | number | true | false | null | call | name
"""

from __future__ import annotations

import re
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

from runnerlib.errors import unknown
from runnerlib.pipeline.conditions import terms
from runnerlib.pipeline.conditions.context import VARIABLES
from runnerlib.pipeline.conditions.tokens import ConditionError, Token, tokens

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from runnerlib.pipeline.conditions.context import Facts
    from runnerlib.pipeline.conditions.terms import Term

_DEEPEST = 100
_FIELDS = ("outcome", "exit_code", "cause", "reason", "outputs")
_SHOWN = 5
"""The largest number of values that an explanation names."""
_WORDS = {"true": True, "false": False, "null": None}
_PARTS = {"item": "field of the item", "matrix": "key of the matrix"}
"""Names whose parts are variables of a run of a job, ITEM_<FIELD> and MATRIX_<KEY>, and what each part is."""

_RESERVED = ("and", "or", "not", "in")


def variable_part(name: str) -> str:
    """The name of a field or key as a part of a variable's name."""
    return re.sub(r"[^A-Za-z0-9]", "_", name).upper()


class Subject(NamedTuple):
    """Kind of things that a condition tests, steps of a job or jobs of a workflow, and their names."""

    noun: str
    names: tuple[str, ...]
    knows_vars: bool = False


STEPS = Subject("step", ("steps",))
JOBS = Subject("job", ("jobs", "needs"), knows_vars=True)


class Condition(NamedTuple):
    """A parsed condition: `steps` are the names of the steps (or jobs) it tests, `functions` those it calls.

    `looks_at` has the values that it names, by their names in it, `inputs` the names of the inputs among them.
    """

    text: str
    steps: frozenset[str]
    functions: frozenset[str]
    value: Callable[[Facts], bool]
    looks_at: Mapping[str, Callable[[Facts], object]] = MappingProxyType({})
    inputs: frozenset[str] = frozenset()

    @property
    def decides(self) -> bool:
        """True if the condition alone decides: it tests how other steps ended, and no `success()` is implied."""
        return bool(self.steps or self.functions & terms.DECIDING)

    def evaluate(self, facts: Facts) -> bool:
        """Return whether the condition holds. Raises only what `facts.changed` raises."""
        return self.value(facts)

    def why_false(self, facts: Facts) -> str:
        """Return why a step does not run: the text of the condition, and the values it compared."""
        seen = [terms.described(name, value(facts)) for name, value in self.looks_at.items()]
        more = ["…"] if len(seen) > _SHOWN else []
        values = f" ({', '.join(seen[:_SHOWN] + more)})" if seen else ""
        return f"its condition is false: {self.text}{values}"


def parse(text: str, subject: Subject = STEPS) -> Condition:
    """Read a condition; raise ConditionError for the first error in it."""
    parser = _Parser(text, subject)
    term = parser.condition()
    return Condition(
        text,
        frozenset(parser.steps),
        frozenset(parser.functions),
        term.value,
        MappingProxyType(parser.looks_at),
        frozenset(parser.inputs),
    )


class _Parser:
    def __init__(self, text: str, subject: Subject) -> None:
        self._subject = subject
        self._tokens = tokens(text)
        self._next = next(self._tokens)
        self._depth = 0
        self.steps: set[str] = set()
        self.functions: set[str] = set()
        self.inputs: set[str] = set()
        self.looks_at: dict[str, Callable[[Facts], object]] = {}

    def condition(self) -> Term:
        if self._next.kind == "end":
            raise ConditionError("a condition is expected", self._next.column)
        term = self._either()
        if self._next.kind != "end":
            raise self._unexpected("the end, 'and' or 'or'")
        return term.boolean()

    def _take(self) -> Token:
        taken = self._next
        if taken.kind != "end":
            self._next = next(self._tokens)
        return taken

    def _took(self, *signs: str) -> bool:
        if not self._next.is_sign(*signs):
            return False
        self._take()
        return True

    def _expect(self, sign: str) -> None:
        if not self._took(sign):
            raise self._unexpected(f"'{sign}'")

    def _unexpected(self, wanted: str) -> ConditionError:
        kind, text, column = self._next
        got = "the end" if kind == "end" else "a text" if kind == "text" else f"'{text}'"
        return ConditionError(f"{wanted} is expected, got {got}", column)

    def _deeper(self) -> None:
        self._depth += 1
        if self._depth > _DEEPEST:
            raise ConditionError(f"more than {_DEEPEST} levels of nesting", self._next.column)

    def _either(self) -> Term:
        found = [self._both()]
        while self._took("||", "or"):
            found.append(self._both())
        return terms.either(found) if len(found) > 1 else found[0]

    def _both(self) -> Term:
        found = [self._negation()]
        while self._took("&&", "and"):
            found.append(self._negation())
        return terms.both(found) if len(found) > 1 else found[0]

    def _negation(self) -> Term:
        column = self._next.column
        if not self._took("not"):
            return self._comparison()
        self._deeper()
        term = terms.negated(self._negation(), column)
        self._depth -= 1
        return term

    def _comparison(self) -> Term:
        left = self._operand()
        if not self._next.is_sign(*terms.COMPARISONS):
            return left
        sign = self._take().text
        if sign == "in" and self._took("["):
            term = terms.one_of(left, self._listed("]"))
        else:
            term = terms.compared(left, sign, self._operand())
        if self._next.is_sign(*terms.COMPARISONS):
            raise ConditionError("comparisons do not chain; put one of them in parentheses", self._next.column)
        return term

    def _operand(self) -> Term:
        self._deeper()
        term = self._nested()
        self._depth -= 1
        return term

    def _nested(self) -> Term:
        column = self._next.column
        if self._took("!"):
            return terms.negated(self._operand(), column)
        if self._took("("):
            term = self._either()
            self._expect(")")
            return term._replace(column=column)
        if self._next.kind == "text":
            return terms.literal("text", column, self._take().text)
        if self._next.kind == "number":
            return terms.literal("number", column, float(self._take().text))
        if self._next.kind != "name" or self._next.text in _RESERVED:
            raise self._unexpected("a value")
        return self._named(self._take())

    def _named(self, name: Token) -> Term:
        if self._took("("):
            self.functions.add(name.text)
            return terms.call(name.text, name.column, self._listed(")"))
        if name.text in _WORDS:
            value = _WORDS[name.text]
            return terms.literal("null" if value is None else "boolean", name.column, value)
        if name.text in {"env", "inputs", *_PARTS}:
            return self._given(name)
        if name.text == "vars" and self._subject.knows_vars:
            variable = self._part("the name of a workflow variable")
            return self._looking(f"vars.{variable}", terms.workflow_variable(variable, name.column))
        if name.text in self._subject.names:
            return self._step(name)
        if name.text in terms.FUNCTIONS:
            brackets = "(…)" if terms.FUNCTIONS[name.text].takes else "()"
            raise ConditionError(f"'{name.text}' is a function: write {name.text}{brackets}", name.column)
        if name.text not in VARIABLES:
            known = (
                *VARIABLES,
                "env",
                "inputs",
                *_PARTS,
                *["vars"] * self._subject.knows_vars,
                *self._subject.names,
                *_WORDS,
            )
            raise ConditionError(unknown("name", name.text, known), name.column)
        return self._looking(name.text, terms.variable(name.text, name.column))

    def _given(self, name: Token) -> Term:
        """Return a term for a variable or an input."""
        if name.text == "env":
            variable = self._part("the name of a variable")
            return self._looking(f"env.{variable}", terms.environment(variable, name.column))
        if name.text in _PARTS:
            part = self._part(f"the name of a {_PARTS[name.text]}")
            variable = f"{name.text.upper()}_{variable_part(part)}"
            return self._looking(f"{name.text}.{part}", terms.environment(variable, name.column))
        given = self._part("the name of an input")
        self.inputs.add(given)
        return self._looking(f"inputs.{given}", terms.given_input(given, name.column))

    def _looking(self, called: str, term: Term) -> Term:
        """Return `term`, recorded as one whose value explains the result."""
        self.looks_at[called] = term.value
        return term

    def _step(self, name: Token) -> Term:
        step = self._part(f"the name of a {self._subject.noun}")
        at = self._next.column + 1
        field = self._part(f"one of {', '.join(_FIELDS)}")
        self.steps.add(step)
        if field not in _FIELDS:
            raise ConditionError(unknown(f"property of a {self._subject.noun}", field[:100], _FIELDS), at)
        called, column = f"{name.text}.{step}.{field}", name.column
        if field == "outputs":
            key = self._part("the name of an output")
            return self._looking(f"{called}.{key}", terms.output(step, key, column))
        found = terms.exit_code(step, column) if field == "exit_code" else terms.result_field(step, field, column)
        return self._looking(called, found)

    def _part(self, wanted: str) -> str:
        """Return the name that follows as `.name` or `["name"]`."""
        if self._took("."):
            if self._next.kind != "name":
                raise self._unexpected(wanted)
            return self._take().text
        if self._took("["):
            if self._next.kind != "text":
                raise self._unexpected(f"{wanted} in quotes")
            name = self._take().text
            self._expect("]")
            return name
        raise self._unexpected(f"'.' and {wanted}")

    def _listed(self, end: str) -> list[Term]:
        """Values separated by commas, up to and with the sign `end`."""
        found: list[Term] = []
        while not self._took(end):
            if found:
                self._expect(",")
            found.append(self._either())
        return found
