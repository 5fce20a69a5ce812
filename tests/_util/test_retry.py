"""The pauses between attempts, and what a server says about the next one."""

from __future__ import annotations

from email.utils import formatdate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runnerlib._util.retry import RetryPolicy, retry_after


def pauses(jitter: float, drawn: float, count: int = 8) -> list[float]:
    policy = RetryPolicy(first=0.5, longest=20.0, jitter=jitter, random=lambda: drawn)
    return [policy.pause(failures) for failures in range(1, count + 1)]


def test_pauses_double_up_to_a_limit() -> None:
    assert pauses(0, 0.3) == [0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 20.0, 20.0]


def test_jitter_shortens_as_much_as_it_lengthens() -> None:
    assert pauses(0.5, 0.0, 3) == [0.25, 0.5, 1.0]
    assert pauses(0.5, 0.5, 3) == pauses(0, 0.5, 3)
    assert pauses(0.5, 1.0, 3) == [0.75, 1.5, 3.0]
    assert pauses(1.0, 0.0, 3) == [0.0, 0.0, 0.0]


@given(st.floats(0, 1e300), st.floats(0, 1e300), st.floats(0, 1), st.integers(1, 1 << 70))
def test_a_pause_is_within_the_share_of_its_backoff(first: float, longest: float, jitter: float, failures: int) -> None:
    backoff = RetryPolicy(first, longest, 0).pause(failures)
    assert backoff <= longest
    assert backoff * (1 - jitter) * 0.999 <= RetryPolicy(first, longest, jitter).pause(failures)
    assert RetryPolicy(first, longest, jitter).pause(failures) <= backoff * (1 + jitter) * 1.001


def test_the_machine_draws_between_nothing_and_one() -> None:
    drawn = {RetryPolicy(1, 1).random() for _ in range(100)}
    assert min(drawn) >= 0
    assert max(drawn) <= 1
    assert len(drawn) > 90


def test_a_delay_that_the_server_asks_for_is_the_least() -> None:
    policy = RetryPolicy(first=4.0, longest=20.0, jitter=0)
    assert [policy.pause(1, asked) for asked in (None, 0.0, 3.0, 7.0, 100.0)] == [4.0, 4.0, 4.0, 7.0, 100.0]


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (None, None),
        (" 7 ", 7),
        ("99999999999999999999", 999_999_999),
        (formatdate(1_000_060, usegmt=True), 60),
        (formatdate(999_000, usegmt=True), 0),
        ("yesterday", None),
        ("-1", None),
        ("٣", None),
    ],
)
def test_retry_after_is_a_number_or_a_date(value: str | None, seconds: float | None) -> None:
    assert retry_after(value, 1_000_000) == seconds
