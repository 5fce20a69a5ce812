"""Docstrings begin with an imperative verb or a noun phrase, never with a relative clause (see CONTRIBUTING.md)."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
PLACES = ("runnerlib", "tests", "benchmarks")

FORBIDDEN = {"What", "Whether", "How", "Where", "When", "Which", "Why", "Who", "Whose", "Whom", "Whoever", "Whatever"}
FORBIDDEN |= {"Nobody", "Somebody", "Anybody", "Everybody", "Those"}


def docstrings(source: str, module: str) -> Iterator[tuple[str, str]]:
    """Yield the qualified name and each docstring of a module: its own, of classes, functions and attributes."""

    def walk(node: ast.AST, name: str) -> Iterator[tuple[str, str]]:
        for child in ast.iter_child_nodes(node):
            match child:
                case ast.Expr(value=ast.Constant(value=str() as text)):
                    yield name, text
                case ast.ClassDef(name=own) | ast.FunctionDef(name=own) | ast.AsyncFunctionDef(name=own):
                    yield from walk(child, f"{name}.{own}")
                case _:
                    yield from walk(child, name)

    yield from walk(ast.parse(source), module)


def bad_beginnings(source: str, module: str) -> list[str]:
    """Name each docstring whose first word is forbidden, with that word."""
    found = []
    for name, text in docstrings(source, module):
        word = re.match(r"\W*(\w+)", text)
        if word and word[1] in FORBIDDEN:
            found.append(f"{name}: the docstring begins with '{word[1]}'")
    return found


def modules() -> list[Path]:
    """All modules of runnerlib, its tests and benchmarks, and the stubs of the compiled ones."""
    found = (path for place in PLACES for path in (ROOT / place).rglob("*.py*"))
    return sorted(path for path in found if path.suffix in {".py", ".pyi"})


def test_no_docstring_begins_with_a_relative_clause() -> None:
    found: list[str] = []
    paths = modules()
    assert {path.suffix for path in paths} == {".py", ".pyi"}
    assert {path.relative_to(ROOT).parts[0] for path in paths} == set(PLACES)
    for path in paths:
        name = ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
        found += bad_beginnings(path.read_text(encoding="utf-8"), name)
    assert not found, "\n" + "\n".join(found)


SAMPLE = '''
"""{0} a module is for."""

LIMIT = 3
"""{0} a limit is."""

class Thing:
    """{0} a thing is."""

    async def method(self):
        r"""{0} a method does."""

        def inner():
            """{0} an inner function does."""

if True:
    def guarded():
        """{0}, in short."""
'''


def test_every_kind_of_docstring_is_looked_at() -> None:
    for word in sorted(FORBIDDEN):
        names = [line.partition(":")[0] for line in bad_beginnings(SAMPLE.format(word), "m")]
        assert names == ["m", "m", "m.Thing", "m.Thing.method", "m.Thing.method.inner", "m.guarded"], word


def test_other_words_pass() -> None:
    for word in ("Return whether", "The number", "Whatsoever", "Wherever"):
        assert bad_beginnings(SAMPLE.format(word), "m") == [], word
