"""The commonest mistakes in YAML: each is explained at its place, in words that quote nothing of the file."""

from __future__ import annotations

import pytest

from runnerlib._util.yaml_nodes import DocumentError, compose
from tests.looped import assert_each

_QUOTES = "a text that begins with '{}' needs quotes"
_COLON = "a text with ': ' in it needs quotes"
_TAB = "a tab cannot indent; use spaces"
_MARGIN = "the indentation does not fit the lines above"

CASES = [
    ("steps:\n- run: echo secret: this\n", 2, 19, _COLON),
    ("run: curl -H Accept: secret\n", 1, 20, _COLON),
    ("job:\n\tsteps: secret\n", 2, 1, _TAB),
    ("job:\n  a: b\n\t- c: secret\n", 3, 1, _TAB),
    ("steps:\n  - name:secret\n    run: x\n", 2, 10, "a space is missing after ':'"),
    ("job:\n  name:secret\n  steps: []\n", 2, 8, "a space is missing after ':'"),
    ("steps:\n  -name: secret\n   run: x\n", 2, 4, "a space is missing after '-'"),
    ("steps:\n  - name: a\n   run: secret\n", 3, 4, _MARGIN),
    ("steps:\n  - name: a\n  run: secret\n", 3, 3, _MARGIN),
    ("run: %secret\n", 1, 6, _QUOTES.format("%")),
    ("run: @secret\n", 1, 6, _QUOTES.format("@")),
    ("run: `secret`\n", 1, 6, _QUOTES.format("`")),
    ("run: *secret\n", 1, 6, _QUOTES.format("*")),
    ("run: [ -f secret ] && y\n", 1, 6, _QUOTES.format("[")),
    ("a: 1\nrun: 'secret\nb: c\n", 2, 6, "the quote that begins here is never closed"),
    ('run: "a" secret\n', 1, 10, "there is more after the closing quote; put all of the text in quotes"),
    ("run: |\nsecret\n", 2, 1, "no 'key: value'; a line of a text of several lines is indented deeper than its key"),
]


def test_each_mistake_has_its_explanation_and_its_place() -> None:
    def check(text: str, line: int, column: int, expected: str) -> None:
        with pytest.raises(DocumentError) as caught:
            compose(text)
        assert str(caught.value) == f"not valid YAML or JSON: {expected}"
        assert caught.value.place == (line, column)
        assert "secret" not in str(caught.value)

    assert_each(check, CASES)


def test_an_exclamation_mark_is_never_dropped() -> None:
    """`run: ! test -e x` would be the opposite of what is written."""
    with pytest.raises(DocumentError, match="put a text that begins with '!' in quotes"):
        compose("run: ! test -e x\n")
