from __future__ import annotations

import pytest

from tests.looped import SHOWN, assert_each


def test_every_case_is_run_and_each_that_fails_is_named() -> None:
    seen = []

    def check(kind: str, number: int) -> None:
        seen.append(number)
        assert number % 2

    with pytest.raises(ExceptionGroup, match=r"^4 of 7 cases fail: even, 0; even, 2; even, 4; even, 6$") as caught:
        assert_each(check, ((("even", "odd")[number % 2], number) for number in range(7)))
    assert seen == [*range(7)]
    assert [error.__notes__ for error in caught.value.exceptions] == [
        ["the case: even, 0"],
        ["the case: even, 2"],
        ["the case: even, 4"],
    ]
    assert len(caught.value.exceptions) == SHOWN


def test_no_case_is_a_failure() -> None:
    with pytest.raises(AssertionError, match="there is no case"):
        assert_each(print, [])


def test_a_good_loop_says_nothing() -> None:
    assert_each(int, [("1",), ("2",)])
