"""Histories that end early but are enough to compare: random ones, against the whole of them."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from runnerlib.source.git.history import settled

History = dict[str, list[str]]


@st.composite
def histories(draw: st.DrawFn) -> History:
    """Commits c0, c1, … whose parents are older ones."""
    count = draw(st.integers(1, 14))
    made: History = {}
    for number in range(count):
        older = st.sampled_from(range(number)) if number else st.nothing()
        near = st.integers(max(0, number - 3), max(0, number - 1))
        chosen = draw(st.lists(st.one_of(near, older), max_size=2, unique=True)) if number else []
        made[f"c{number}"] = [f"c{one}" for one in chosen]
    return made


def reached(tips: set[str], history: History) -> set[str]:
    found: set[str] = set()
    todo = list(tips)
    while todo:
        one = todo.pop()
        if one not in found:
            found.add(one)
            todo += history[one]
    return found


def newest(commits: set[str], history: History) -> set[str]:
    """Return the commits that are no ancestors of others: all merge bases, of what two sides have in common."""
    return {one for one in commits if not any(one in reached(set(history[other]), history) for other in commits)}


def answers(one: str, other: str, history: History) -> tuple[set[str], set[str], set[str]]:
    ours, theirs = reached({one}, history), reached({other}, history)
    return ours - theirs, theirs - ours, newest(ours & theirs, history)


def cut(tips: set[str], history: History, depth: int) -> tuple[History, set[str]]:
    """Return the history that a fetch so deep brings, children first, and its ends; as git counts: the shortest way."""
    layer, seen = set(tips), set(tips)
    for _ in range(depth - 1):
        layer = {above for one in layer for above in history[one]} - seen
        seen |= layer
    ended = {one for one in seen if not seen.issuperset(history[one])}
    known = {one: [] if one in ended else history[one] for one in history if one in seen}
    return dict(reversed(known.items())), ended


@settings(deadline=None, max_examples=500)
@given(histories(), st.data())
def test_what_is_settled_is_what_the_whole_history_says(history: History, data: st.DataObject) -> None:
    one, other = (data.draw(st.sampled_from(sorted(history))) for _ in range(2))
    for depth in range(1, len(history) + 1):
        known, ended = cut({one, other}, history, depth)
        if settled(one, other, known, ended):
            assert answers(one, other, known) == answers(one, other, history)
    assert settled(one, other, *cut({one, other}, history, len(history) + 1))


def test_a_branch_needs_no_more_than_the_way_to_where_it_left() -> None:
    history = {"m0": [], **{f"m{n}": [f"m{n - 1}"] for n in range(1, 100)}, "t1": ["m90"], "t2": ["t1"]}
    enough = [depth for depth in range(1, 50) if settled("t2", "m99", *cut({"t2", "m99"}, history, depth))]
    assert enough == list(range(9, 50))  # m91 is the ninth, and its parent is known from the topic
