"""Docstrings begin with an imperative verb or a noun phrase, never with a relative clause (see CONTRIBUTING.md)."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "runnerlib"

FORBIDDEN = {"What", "Whether", "How", "Where", "When", "Which", "Why", "Who", "Whose", "Whom", "Whoever", "Whatever"}
FORBIDDEN |= {"Nobody", "Somebody", "Anybody", "Everybody", "Those"}
# Node types that can have a docstring.
_Documented = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef


def docstrings(source: str, module: str) -> Iterator[tuple[str, str]]:
    """Yield the qualified name and the docstring of the module, its classes and functions, nested ones included."""

    def walk(node: ast.AST, name: str) -> Iterator[tuple[str, str]]:
        if isinstance(node, _Documented) and (text := ast.get_docstring(node)):
            yield name, text
        for child in ast.iter_child_nodes(node):
            named = isinstance(child, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
            yield from walk(child, f"{name}.{child.name}" if named else name)

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
    paths = sorted(PACKAGE.rglob("*.py"))
    assert paths
    return paths


def test_no_docstring_begins_with_a_relative_clause() -> None:
    found: list[str] = []
    for path in modules():
        name = ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts).removesuffix(".__init__")
        found += bad_beginnings(path.read_text(encoding="utf-8"), name)
    assert not found, "\n" + "\n".join(found)


SAMPLE = '''
"""{0} a module is for."""

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


@pytest.mark.parametrize("word", sorted(FORBIDDEN))
def test_every_kind_of_docstring_is_looked_at(word: str) -> None:
    names = [line.partition(":")[0] for line in bad_beginnings(SAMPLE.format(word), "m")]
    assert names == ["m", "m.Thing", "m.Thing.method", "m.Thing.method.inner", "m.guarded"]


@pytest.mark.parametrize("word", ["Return whether", "The number", "Whatsoever", "Wherever"])
def test_other_words_pass(word: str) -> None:
    assert bad_beginnings(SAMPLE.format(word), "m") == []
