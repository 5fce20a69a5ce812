"""Partial delivery of a refused message: all goes but what is refused and what waits for it, and nothing twice."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from runnerlib.triggers.message import EVALUATED, Message, message
from runnerlib.triggers.partial_delivery import MOST_OFFERS, Division, apart, divide, stuck
from tests.triggers.contract import names, startable


def job(name: str, *depends_on: str, **more: Any) -> dict[str, Any]:
    return {"job_name": name, **({"depends_on": list(depends_on)} if depends_on else {}), **more}


class Coordinator:
    """Refuses every message that has one of the jobs `bad`."""

    def __init__(self, *bad: str) -> None:
        self.bad = set(bad)
        self.offers: list[tuple[str, ...]] = []

    def __call__(self, part: Message) -> str:
        self.offers.append(part.job_names)
        return "no" if self.bad.intersection(part.job_names) else ""


def taken(division: Division) -> list[tuple[str, ...]]:
    return [part.job_names for part in division.taken]


def left(division: Division) -> dict[str, str]:
    return {one.item["job_name"]: one.why for one in division.left}


def test_one_refused_job_leaves_one_message() -> None:
    found = divide(message([job("a"), job("bad"), job("c")]), Coordinator("bad"), "no")
    assert (taken(found), left(found)) == ([("a", "c")], {"bad": "no"})


def test_what_waits_for_it_stays_and_says_so() -> None:
    jobs = [job("build"), job("bad", "build"), job("deploy", "bad"), job("tell", "deploy"), job("lint", "build")]
    found = divide(message(jobs), Coordinator("bad"), "no")
    assert taken(found) == [("build", "lint")]
    assert left(found) == {
        "bad": "no",
        "deploy": "it would wait for ever: 'bad' is not sent with it",
        "tell": "it would wait for ever: 'deploy' is not sent with it",
    }


def test_two_refused_jobs_of_one_graph() -> None:
    jobs = [job("build"), job("bad", "build"), job("worse", "build"), job("test", "build")]
    found = divide(message(jobs), Coordinator("bad", "worse"), "no")
    assert (taken(found), left(found)) == ([("build", "test")], {"bad": "no", "worse": "no"})


def test_a_coordinator_that_refuses_everything_is_left_in_peace() -> None:
    asked = Coordinator(*map(str, range(300)))
    found = divide(message([job(str(number)) for number in range(300)]), asked, "no")
    assert not found.taken
    assert set(left(found).values()) == {"no"}
    assert len(asked.offers) == MOST_OFFERS


def test_among_many_it_is_found_by_halves() -> None:
    asked = Coordinator("77")
    found = divide(message([job(str(number)) for number in range(200)]), asked, "no")
    assert left(found) == {"77": "no"}
    assert sum(map(len, taken(found))) == 199
    assert len(asked.offers) < 25


def test_workflows_go_whole() -> None:
    flows = [{"id": name, "jobs": [job("test"), job(name, "test")]} for name in ("a", "b", "c")]
    found = divide(message(flows, "workflows", EVALUATED, {"actor_subjects": ["x"]}), Coordinator("b"), "no")
    assert [[flow["id"] for flow in part.items] for part in found.taken] == [["a", "c"]]
    assert [one.item["id"] for one in found.left] == ["b"]
    assert {(part.form, part.trigger_type, str(part.more)) for part in found.taken} == {
        ("workflows", EVALUATED, "{'actor_subjects': ['x']}")
    }


def test_jobs_of_one_name_are_told_apart() -> None:
    jobs = [job("deploy", priority=1), job("deploy", priority=2)]
    found = divide(message(jobs), lambda part: "no" if {"priority": 2}.items() <= part.items[0].items() else "", "no")
    assert [part.items[0]["priority"] for part in found.taken] == [1]
    assert [one.item["priority"] for one in found.left] == [2]


@st.composite
def graphs(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Jobs that wait for earlier ones, shuffled."""
    size = draw(st.integers(1, 12))
    jobs = [
        job(str(number), *sorted(draw(st.sets(st.integers(0, number - 1).map(str), max_size=3))) if number else ())
        for number in range(size)
    ]
    return draw(st.permutations(jobs))


@settings(max_examples=120, deadline=None)
@given(graphs(), st.data())
def test_nothing_is_lost_doubled_or_left_without_what_it_waits_for(
    jobs: list[dict[str, Any]], data: st.DataObject
) -> None:
    whole = message(jobs)
    bad = data.draw(st.sets(st.sampled_from(sorted(whole.job_names)), min_size=1, max_size=3))
    asked = Coordinator(*bad)
    found = divide(whole, asked, "no")
    gone = [name for part in taken(found) for name in part]
    assert sorted([*gone, *left(found)]) == sorted(whole.job_names)
    assert not bad.intersection(gone)
    for part in found.taken:
        assert startable(list(part.items)) == list(part.items), "a job was sent without one that it waits for"
        assert list(part.items) == [one for one in whole.items if one in part.items], "the order changed"
    assert len(asked.offers) <= MOST_OFFERS
    innocent = startable([one for one in jobs if one["job_name"] not in bad])
    if len(bad) == 1:
        assert taken(found) == ([whole.without([o for o in jobs if o not in innocent]).job_names] if innocent else [])
    again = divide(whole, Coordinator(*bad), "no")
    assert [part.operation_id for part in again.taken] == [part.operation_id for part in found.taken]
    assert len({whole.operation_id, *(part.operation_id for part in found.taken)}) == 1 + len(found.taken)


@settings(max_examples=50, deadline=None)
@given(st.integers(1, 40), st.data())
def test_of_jobs_that_wait_for_nothing_only_the_refused_stay(size: int, data: st.DataObject) -> None:
    bad = data.draw(st.sets(st.sampled_from([str(number) for number in range(size)]), min_size=1, max_size=3))
    found = divide(message([job(str(number)) for number in range(size)]), Coordinator(*bad), "no")
    assert set(left(found)) == bad


class TestWhatWaitsForEver:
    def test_a_name_that_is_nowhere(self) -> None:
        found = stuck(message([job("a"), job("b", "a", "nowhere"), job("c", "b")]))
        assert [(one.item["job_name"], one.why) for one in found] == [
            ("b", "it would wait for ever: 'nowhere' is not sent with it"),
            ("c", "it would wait for ever: 'b' is not sent with it"),
        ]

    def test_a_name_in_another_message(self) -> None:
        made = message([job("a", "elsewhere"), job("b", "nowhere")])
        assert [one.item["job_name"] for one in stuck(made, {"elsewhere"})] == ["b"]
        assert [one.item["job_name"] for one in apart(made, {"elsewhere"})] == ["a"]

    def test_each_workflow_is_for_itself(self) -> None:
        flows = [{"id": "a", "jobs": [job("x")]}, {"id": "b", "jobs": [job("y", "x")]}]
        [found] = stuck(message(flows, "workflows", EVALUATED))
        assert (found.item["id"], found.why) == ("b", "'y': it would wait for ever: 'x' is not sent with it")

    @settings(max_examples=80, deadline=None)
    @given(graphs(), st.data())
    def test_it_is_what_the_contract_never_starts(self, jobs: list[dict[str, Any]], data: st.DataObject) -> None:
        kept = [one for one in jobs if data.draw(st.booleans())]
        found = [one.item for one in stuck(message(kept))]
        assert sorted(names({"jobs": startable(kept)})) == sorted(one["job_name"] for one in kept if one not in found)
