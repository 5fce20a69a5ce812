"""Named tuples and records that are quick to define are as those of the standard library."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Mapping
from dataclasses import FrozenInstanceError, fields, is_dataclass, replace

import pytest

from runnerlib._util.values import NamedTuple, record


class Pair(NamedTuple):
    """Two values."""

    left: int
    right: Mapping[str, str] = {}

    @property
    def both(self) -> tuple[int, Mapping[str, str]]:
        """Return both."""
        return self.left, self.right


@record
class Base:
    """A record."""

    name: str
    size: int = 1


@record
class Extended(Base):
    """A record with a further field."""

    owner: str


class TestNamedTuple:
    def test_is_a_tuple_with_names(self) -> None:
        pair = Pair(1, right={"a": "b"})
        assert pair == (1, {"a": "b"}) == pair.both
        assert Pair(1) == (1, {})
        assert pair._replace(left=2).left == 2
        assert (Pair._fields, Pair._field_defaults) == (("left", "right"), {"right": {}})
        assert (Pair.__name__, Pair.__module__, Pair.__doc__) == ("Pair", __name__, "Two values.")
        assert Pair.__mro__ == (Pair, tuple, object)

    def test_can_be_copied(self) -> None:
        assert pickle.loads(pickle.dumps(Pair(1))) == copy.deepcopy(Pair(1)) == Pair(1)

    def test_wrong_arguments(self) -> None:
        with pytest.raises(TypeError, match="left"):
            Pair()  # type: ignore[call-arg]


class TestRecord:
    def test_is_a_frozen_dataclass(self) -> None:
        one = Extended(name="a", owner="b")
        assert is_dataclass(one)
        assert [field.name for field in fields(Extended)] == ["name", "size", "owner"]
        assert (one.name, one.size, one.owner) == ("a", 1, "b")
        assert replace(one, size=2).size == 2
        with pytest.raises(FrozenInstanceError):
            one.size = 2  # type: ignore[misc]
        with pytest.raises(FrozenInstanceError):
            del one.size

    def test_equal_values_are_equal(self) -> None:
        assert Base(name="a") == Base(name="a", size=1)
        assert Base(name="a") != Base(name="b")
        assert Base(name="a") != Extended(name="a", owner="b")
        assert len({Base(name="a"), Base(name="a")}) == 1
        assert pickle.loads(pickle.dumps(Base(name="a"))) == Base(name="a")

    @pytest.mark.parametrize(
        ("given", "message"), [({}, "'name' is missing"), ({"name": "", "x": 1}, "'x' is unknown")]
    )
    def test_wrong_arguments(self, given: dict[str, str], message: str) -> None:
        with pytest.raises(TypeError, match=f"Base: {message}"):
            Base(**given)  # type: ignore[arg-type]
