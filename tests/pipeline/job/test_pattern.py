"""Patterns of retries: what can be searched for, and what is said of what cannot."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runnerlib.pipeline.job.retry_pattern import compiled, wrong_pattern


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        ("(?!x)a", "it has look-around, '(?!', which is not supported"),
        ("(?<=a)b", "it has look-around, '(?<=', which is not supported"),
        (r"(a)\1", r"it has a back-reference, '\1', which is not supported"),
        (r"a\Z", r"the end of the text is '\z', not '\Z'"),
        ("x{,3}", "'{,3}' is no repetition; write '{0,3}'"),
        ("(", "missing ) at '('"),
        ("[a", "missing ] at '[a'"),
        ("a++", "bad repetition operator at '++'"),
        ("(?>a)", "unknown group at '(?>'"),
        (r"(\pL?){900}\pL{900}$", "pattern too large - compile failed"),
        ("\udcff", "it is no text"),
    ],
)
def test_a_pattern_that_cannot_be_searched_for(pattern: str, text: str) -> None:
    assert wrong_pattern(pattern) == text
    with pytest.raises(ValueError, match=re.escape(text)):
        compiled(pattern)


@pytest.mark.parametrize("pattern", ["", "a|b", r"\{,3}", "(?i)time(d)? out", "(?P<n>a+)+$", r"\d+: é", "[[:alpha:]]+"])
def test_a_pattern(pattern: str) -> None:
    assert not wrong_pattern(pattern)


ATOMS = st.sampled_from(["a", "b", ".", "[ab]", "[^a]", r"\w", "(?:ab)", "(a|b)", "^", "$", r"\b"])
PATTERNS = st.lists(st.tuples(ATOMS, st.sampled_from(["", "+", "*", "?", "{2}", "{0,2}", "+?"])), max_size=5).map(
    lambda parts: "".join(atom + ("" if atom in {"^", "$", r"\b"} else count) for atom, count in parts)
)


@given(PATTERNS, st.text("ab -é", max_size=12))
def test_it_finds_what_a_regular_expression_of_python_finds(pattern: str, text: str) -> None:
    found = compiled(pattern).search(text.encode()) is not None
    assert found == (re.search(pattern, text, re.ASCII) is not None)
