"""Options that only one type of source understands."""

from __future__ import annotations

import pytest

from runnerlib.errors import SourceError
from runnerlib.source import SourceSpec
from runnerlib.source.options import choice, count, many, one, size


def spec(*values: str) -> SourceSpec:
    return SourceSpec("t", "u", None, tuple(("n", value) for value in values))


def test_what_was_given() -> None:
    assert many(spec("a", "b"), "n") == ("a", "b")
    assert one(spec("a"), "n") == "a"
    assert one(spec("a"), "m") is None
    assert (count(spec("7"), "n", 1), count(spec(), "n", 1)) == (7, 1)
    assert (choice(spec("a"), "n", ("a", "b"), "b"), choice(spec(), "n", ("a", "b"), "b")) == ("a", "b")


@pytest.mark.parametrize(
    ("text", "bytes_"), [("1", 1), ("512K", 512 << 10), ("20m", 20 << 20), ("4G", 4 << 30), ("1T", 1 << 40)]
)
def test_sizes(text: str, bytes_: int) -> None:
    assert size(spec(text), "n", 5) == bytes_
    assert size(spec(), "n", 5) == 5


@pytest.mark.parametrize("text", ["", "K", "0", "-1", "1KB", "1.5G", "٣", "9" * 19, "G1"])
def test_what_is_no_size(text: str) -> None:
    with pytest.raises(SourceError, match=f"option 'n' of source type 't' is '{text}'; a number of bytes such as"):
        size(spec(text), "n", 5)


@pytest.mark.parametrize("text", ["", "-1", "1.0", "x", "²", "9" * 19])
def test_what_is_no_count(text: str) -> None:
    with pytest.raises(SourceError, match=f"option 'n' of source type 't' is '{text}'; a whole number, 0 or more, is"):
        count(spec(text), "n", 0)


def test_contradictions() -> None:
    with pytest.raises(SourceError, match="option 'n' of source type 't' was given 2 times"):
        one(spec("a", "b"), "n")
    with pytest.raises(SourceError, match=r"unknown value of option 'n' of source type 't' 'al'; did you"):
        choice(spec("al"), "n", ("all", "no"), "no")
