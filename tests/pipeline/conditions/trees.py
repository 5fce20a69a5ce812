"""Conditions as trees: generated, printed in many spellings, and evaluated with nothing in common with the real one."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

from hypothesis import strategies as st

from runnerlib.events.result import StepResult
from runnerlib.pipeline.conditions import VARIABLES, Facts

Tree = tuple[Any, ...]
Draw = Callable[[st.SearchStrategy[str | bool]], Any]

WORDS = ("", "a", "ab", "main", "release/1.2", "3", "-1.5", 'it\'s "quoted"\n\t\\', "é😀")
STEPS = ("build", "test-unit", "2nd", "with space", "never")
KEYS = ("key", "other-key", "a b")
OUTCOMES = ("success", "failure", "cancelled", "skipped")

TEXTS = st.sampled_from(WORDS)
NUMBERS = st.sampled_from([0, 1, -1.5, 3, 128, 42.25])


def text_trees() -> st.SearchStrategy[Tree]:
    return st.one_of(
        st.tuples(st.just("text"), TEXTS),
        st.just(("branch",)),
        st.tuples(st.just("variable"), st.sampled_from(["tag", "event", "job", "sha"])),
        st.tuples(st.just("env"), st.sampled_from(["A", "_B2", "with space"])),
        st.tuples(st.just("reason"), st.sampled_from(STEPS)),
        st.tuples(st.just("output"), st.sampled_from(STEPS), st.sampled_from(KEYS)),
    )


def number_trees() -> st.SearchStrategy[Tree]:
    return st.one_of(
        st.tuples(st.just("number"), NUMBERS),
        st.tuples(st.just("exit_code"), st.sampled_from(STEPS)),
        st.tuples(st.just("parsed"), text_trees()),
    )


def leaves() -> st.SearchStrategy[Tree]:
    order = st.sampled_from(["<", "<=", ">", ">="])
    equal = st.sampled_from(["==", "!="])
    two_texts = st.sampled_from(["contains", "startswith", "endswith"])
    outcome = st.tuples(st.just("outcome"), st.sampled_from(STEPS))
    return st.one_of(
        st.tuples(st.just("boolean"), st.booleans()),
        st.tuples(st.just("flag"), st.sampled_from(["success", "failure", "always", "cancelled"])),
        st.tuples(st.just("changed"), st.lists(text_trees(), min_size=1, max_size=3)),
        st.tuples(st.just("compare"), st.one_of(order, equal), text_trees(), text_trees()),
        st.tuples(st.just("compare"), st.one_of(order, equal), number_trees(), number_trees()),
        st.tuples(st.just("compare"), equal, number_trees(), st.just(("null",))),
        st.tuples(st.just("compare"), equal, outcome, st.tuples(st.just("text"), st.sampled_from(OUTCOMES))),
        st.tuples(two_texts, text_trees(), text_trees()),
        st.tuples(st.just("in"), text_trees(), text_trees()),
        st.tuples(st.just("one of"), text_trees(), st.lists(text_trees(), max_size=3)),
        st.tuples(st.just("one of"), number_trees(), st.lists(number_trees(), max_size=3)),
    )


def trees() -> st.SearchStrategy[Tree]:
    def larger(smaller: st.SearchStrategy[Tree]) -> st.SearchStrategy[Tree]:
        several = st.lists(smaller, min_size=2, max_size=3)
        return st.one_of(
            st.tuples(st.just("or"), several),
            st.tuples(st.just("and"), several),
            st.tuples(st.just("not"), smaller),
            st.tuples(st.just("compare"), st.sampled_from(["==", "!="]), smaller, smaller),
        )

    return st.recursive(leaves(), larger, max_leaves=12)


def results() -> st.SearchStrategy[dict[str, StepResult]]:
    result = st.builds(
        StepResult,
        name=st.just(""),
        outcome=st.sampled_from(OUTCOMES),
        exit_code=st.sampled_from([0, 1, 3, 128]),
        reason=TEXTS,
        outputs=st.dictionaries(st.sampled_from(KEYS), TEXTS),
    )
    return st.dictionaries(st.sampled_from(STEPS), result)


def facts() -> st.SearchStrategy[Facts]:
    return st.builds(
        Facts,
        branch=TEXTS,
        env=st.dictionaries(st.sampled_from(["A", "_B2", "with space"]), TEXTS),
        steps=results(),
        failed=st.booleans(),
        cancelled=st.booleans(),
        changed=st.sets(TEXTS).map(lambda globs: lambda glob: glob in globs),
        variables=st.dictionaries(st.sampled_from(["tag", "event", "job", "sha"]), TEXTS),
    )


class Printer:
    """Prints trees in any of their spellings, in parentheses wherever they could matter."""

    def __init__(self, draw: Draw) -> None:
        self.draw = draw
        self.forms: dict[str, Callable[..., str]] = {
            "text": self.quoted,
            "number": str,
            "boolean": lambda it: str(it).lower(),
            "null": lambda: "null",
            "branch": lambda: "branch",
            "variable": str,
            "env": lambda name: f"env{self.part(name)}",
            "reason": lambda step: f"steps{self.part(step)}.reason",
            "outcome": lambda step: f"steps{self.part(step)}.outcome",
            "exit_code": lambda step: f"steps{self.part(step)}.exit_code",
            "output": lambda step, key: f"steps{self.part(step)}.outputs{self.part(key)}",
            "parsed": lambda inner: f"number({self(inner)})",
            "flag": lambda name: f"{name}()",
            "changed": lambda globs: f"changed({self.listed(globs)})",
            "compare": lambda sign, left, right: f"({self(left)}){self.space()}{sign}{self.space()}({self(right)})",
            "in": lambda left, right: f"{self(left)} in{self.space()}{self(right)}",
            "one of": lambda left, members: f"{self(left)} in{self.space()}[{self.listed(members)}]",
            "or": lambda several: self.joined([" or ", "||"], several),
            "and": lambda several: self.joined([" and ", "&&"], several),
            "not": lambda inner: f"{self.draw(st.sampled_from(['not ', '!']))}({self(inner)})",
        }

    def __call__(self, tree: Tree) -> str:
        name, *parts = tree
        if name in self.forms:
            return self.forms[name](*parts)
        return f"{name}({self.listed(parts)})"

    def space(self) -> str:
        return self.draw(st.sampled_from([" ", "  ", "\n"]))

    def quoted(self, text: str) -> str:
        double = json.dumps(text, ensure_ascii=False)
        return double if self.draw(st.booleans()) else "'" + double[1:-1].replace("'", "\\'") + "'"

    def part(self, name: str) -> str:
        return f".{name}" if " " not in name and self.draw(st.booleans()) else f"[{self.quoted(name)}]"

    def listed(self, several: Sequence[Tree]) -> str:
        return f",{self.space()}".join(map(self, several))

    def joined(self, signs: list[str], several: Sequence[Tree]) -> str:
        return self.draw(st.sampled_from(signs)).join(f"({self(each)})" for each in several)


def result_of(facts: Facts, step: str) -> StepResult:
    return facts.steps[step] if step in facts.steps else StepResult(step, "skipped", 0)


def number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def compared(sign: str, left: Any, right: Any) -> bool:
    if sign in {"==", "!="}:
        return (left == right) == (sign == "==")
    if left is None or right is None:
        return False
    return {"<": left < right, "<=": left <= right, ">": left > right, ">=": left >= right}[sign]


def flag(name: str, facts: Facts) -> bool:
    fine = not facts.failed and not facts.cancelled
    return {"success": fine, "failure": facts.failed, "cancelled": facts.cancelled, "always": True}[name]


def exit_code(result: StepResult) -> int | None:
    return None if result.outcome == "skipped" else result.exit_code


# What a tree is, said naively: of leaves from the facts, of other trees from the values of their parts.
OF_LEAVES: dict[str, Callable[..., Any]] = {
    "text": lambda facts, text: text,
    "number": lambda facts, it: it,
    "boolean": lambda facts, it: it,
    "null": lambda facts: None,
    "branch": lambda facts: facts.branch,
    "variable": lambda facts, name: {**dict.fromkeys(VARIABLES, ""), **facts.variables}[name],
    "env": lambda facts, name: {name: "", **facts.env}[name],
    "exit_code": lambda facts, step: exit_code(result_of(facts, step)),
    "reason": lambda facts, step: result_of(facts, step).reason,
    "outcome": lambda facts, step: facts.steps[step].outcome if step in facts.steps else "",
    "output": lambda facts, step, key: {key: "", **result_of(facts, step).outputs}[key],
    "flag": lambda facts, name: flag(name, facts),
    "changed": lambda facts, globs: bool([glob for glob in globs if facts.changed(value(glob, facts))]),
}
OF_OTHERS: dict[str, Callable[..., Any]] = {
    "parsed": number,
    "in": lambda left, right: right.find(left) >= 0,
    "contains": lambda left, right: left.find(right) >= 0,
    "startswith": lambda left, right: left[: len(right)] == right,
    "endswith": lambda left, right: left[len(left) - len(right) :] == right if len(left) >= len(right) else False,
    "one of": lambda left, members: left in members,
    "or": lambda several: True in several,
    "and": lambda several: False not in several,
    "not": lambda inner: inner is False,
}


def value(tree: Tree, facts: Facts) -> Any:
    name, *parts = tree
    if name in OF_LEAVES:
        return OF_LEAVES[name](facts, *parts)
    if name == "compare":
        return compared(parts[0], value(parts[1], facts), value(parts[2], facts))
    return OF_OTHERS[name](
        *([value(each, facts) for each in part] if isinstance(part, list) else value(part, facts) for part in parts)
    )
