"""Values that each kind of setting accepts, and refusals that never repeat what was given."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runnerlib.config import parsers

ALL = [
    parsers.text,
    parsers.marker,
    parsers.seconds,
    parsers.count,
    parsers.line_length,
    parsers.names,
    parsers.values,
    parsers.environment,
    parsers.options,
    parsers.words,
    parsers.choice("a", "b"),
    parsers.size,
    parsers.boolean,
    parsers.subset("a", "b"),
]

anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=5,
)


@settings(max_examples=200)
@given(value=anything)
def test_anything_is_accepted_or_refused_with_what_is_expected(value: object) -> None:
    for kind in ALL:
        complaint = "expected"
        try:
            kind(value)
        except ValueError as error:
            complaint = str(error)
        assert "expected" in complaint, kind


@pytest.mark.parametrize(
    ("kind", "given_value", "value"),
    [
        (parsers.text, "", ""),
        (parsers.options, "", ()),
        (parsers.options, "depth=1, exclude=*.o,exclude=a=b", (("depth", "1"), ("exclude", "*.o"), ("exclude", "a=b"))),
        (parsers.options, ["depth=1"], (("depth", "1"),)),
        (
            parsers.options,
            {"depth": 1, "lfs": True, "x": ["a,b", "c"]},
            (("depth", "1"), ("lfs", "true"), ("x", "a,b"), ("x", "c")),
        ),
        (parsers.marker, "***", "***"),
        (parsers.seconds, "1.5", 1.5),
        (parsers.seconds, 0, 0.0),
        (parsers.count, "3", 3),
        (parsers.names, " A, B,,", ("A", "B")),
        (parsers.names, ["A", " "], ("A",)),
        (parsers.values, "a,b", "a,b"),
        (parsers.values, ["a,b", "c"], ("a,b", "c")),
        (parsers.environment, "A=1\nB=2", "A=1\nB=2"),
        (parsers.words, "vault 'kv get' -field={key}", ("vault", "kv get", "-field={key}")),
        (parsers.words, ["a b", ""], ("a b", "")),
        (parsers.choice("text", "json"), "json", "json"),
        (parsers.environment, {"A": "1"}, {"A": "1"}),
    ],
)
def test_accepted(kind: Callable[[object], object], given_value: object, value: object) -> None:
    assert kind(given_value) == value


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (parsers.text, 5),
        (parsers.text, "a\0b"),
        (parsers.text, "half a \ud83d"),
        (parsers.marker, ""),
        (parsers.marker, "a\nb"),
        (parsers.seconds, "inf"),
        (parsers.seconds, "nan"),
        (parsers.seconds, -1),
        (parsers.seconds, True),
        (parsers.count, 0),
        (parsers.count, "1.5"),
        (parsers.count, True),
        (parsers.names, [1]),
        (parsers.names, {"A": 1}),
        (parsers.values, [1]),
        (parsers.environment, {"A": 1}),
        (parsers.words, ""),
        (parsers.words, "'a"),
        (parsers.words, []),
        (parsers.words, ["a", 5]),
        (parsers.words, ["a\0"]),
        (parsers.choice("text", "json"), "JSON"),
        (parsers.choice("text", "json"), None),
        (parsers.choice("text", "json"), ["json"]),
        (parsers.environment, ["A=1"]),
    ],
)
def test_refused(kind: Callable[[object], object], value: object) -> None:
    with pytest.raises(ValueError, match="expected"):
        kind(value)
