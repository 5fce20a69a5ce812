"""The goals of masking: every answer on a little of the real logs, no timing; `python -m benchmarks.goals` measures."""

from __future__ import annotations

import pytest

from benchmarks import goals, secretset
from benchmarks.engine import RunnerlibFolded


def test_answers() -> None:
    """Each is checked where it is measured."""
    found = [*goals.throughput(1 << 17, 1), *goals.registration(200, 100), *goals.worst_cases(1)]
    assert len({goal.name for goal in found}) == len(found) >= 9
    assert all(goal.measured > 0 and goals.formatted(goal).count("|") == 6 for goal in found)


@pytest.mark.parametrize("count", [100, 1_000])
def test_nothing_is_hidden_that_is_no_secret(count: int) -> None:
    text = goals.clean(len(goals.logs()))
    shown = b"".join(map(bytes, RunnerlibFolded(secretset.encoded(count)).masked(text)))
    assert shown == text.whole


def test_verdicts() -> None:
    assert [goals.Goal("", 1, 2, measured).verdict for measured in (0.9, 1, 2)] == ["missed", "must", "aim"]
    assert [goals.Goal("", 2, 1, measured, most=True).verdict for measured in (3, 2, 1)] == ["missed", "must", "aim"]
