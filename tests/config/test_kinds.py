"""Values that each kind of setting accepts, and refusals that never repeat what was given."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runnerlib.config import parsers as kinds

ALL = [
    kinds.text,
    kinds.marker,
    kinds.seconds,
    kinds.count,
    kinds.line_length,
    kinds.names,
    kinds.values,
    kinds.environment,
    kinds.options,
    kinds.words,
    kinds.choice("a", "b"),
    kinds.size,
    kinds.boolean,
    kinds.subset("a", "b"),
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
        (kinds.text, "", ""),
        (kinds.options, "", ()),
        (kinds.options, "depth=1, exclude=*.o,exclude=a=b", (("depth", "1"), ("exclude", "*.o"), ("exclude", "a=b"))),
        (kinds.options, ["depth=1"], (("depth", "1"),)),
        (
            kinds.options,
            {"depth": 1, "lfs": True, "x": ["a,b", "c"]},
            (("depth", "1"), ("lfs", "true"), ("x", "a,b"), ("x", "c")),
        ),
        (kinds.marker, "***", "***"),
        (kinds.seconds, "1.5", 1.5),
        (kinds.seconds, 0, 0.0),
        (kinds.count, "3", 3),
        (kinds.names, " A, B,,", ("A", "B")),
        (kinds.names, ["A", " "], ("A",)),
        (kinds.values, "a,b", "a,b"),
        (kinds.values, ["a,b", "c"], ("a,b", "c")),
        (kinds.environment, "A=1\nB=2", "A=1\nB=2"),
        (kinds.words, "vault 'kv get' -field={key}", ("vault", "kv get", "-field={key}")),
        (kinds.words, ["a b", ""], ("a b", "")),
        (kinds.choice("text", "json"), "json", "json"),
        (kinds.environment, {"A": "1"}, {"A": "1"}),
    ],
)
def test_accepted(kind: Callable[[object], object], given_value: object, value: object) -> None:
    assert kind(given_value) == value


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (kinds.text, 5),
        (kinds.text, "a\0b"),
        (kinds.text, "half a \ud83d"),
        (kinds.marker, ""),
        (kinds.marker, "a\nb"),
        (kinds.seconds, "inf"),
        (kinds.seconds, "nan"),
        (kinds.seconds, -1),
        (kinds.seconds, True),
        (kinds.count, 0),
        (kinds.count, "1.5"),
        (kinds.count, True),
        (kinds.names, [1]),
        (kinds.names, {"A": 1}),
        (kinds.values, [1]),
        (kinds.environment, {"A": 1}),
        (kinds.words, ""),
        (kinds.words, "'a"),
        (kinds.words, []),
        (kinds.words, ["a", 5]),
        (kinds.words, ["a\0"]),
        (kinds.choice("text", "json"), "JSON"),
        (kinds.choice("text", "json"), None),
        (kinds.choice("text", "json"), ["json"]),
        (kinds.environment, ["A=1"]),
    ],
)
def test_refused(kind: Callable[[object], object], value: object) -> None:
    with pytest.raises(ValueError, match="expected"):
        kind(value)
