"""The graph that the words of a job make, against all pairs of steps, the slow way."""

from __future__ import annotations

import itertools

from hypothesis import given
from hypothesis import strategies as st

from runnerlib._util.graph import cycle, descendants, levels, reachable, sorted_by_dependency
from runnerlib.pipeline.job import Step, dependencies
from tests.engine.reference import waits_for


@st.composite
def steps(draw: st.DrawFn) -> list[Step]:
    made: list[Step] = []
    for number in range(draw(st.integers(0, 12))):
        names = [step.name for step in made]
        explicit = draw(st.booleans())
        depends_on = draw(st.lists(st.sampled_from(names), max_size=3)) if names and explicit else None
        made.append(Step(f"s{number}", "x", depends_on=depends_on, parallel=draw(st.booleans())))
    return made


@given(steps())
def test_order_waits_for_exactly_what_the_words_say(made: list[Step]) -> None:
    graph = dependencies(made)
    assert {name: reachable(graph, name) for name in graph} == waits_for(made)


@given(steps())
def test_what_is_named_is_no_more_than_needed(made: list[Step]) -> None:
    for step, waited in zip(made, dependencies(made).values(), strict=True):
        if step.depends_on is None:
            graph = dependencies(made)
            assert not any(one in reachable(graph, other) for one in waited for other in waited)


@st.composite
def graphs(draw: st.DrawFn) -> dict[str, list[str]]:
    names = [str(number) for number in range(draw(st.integers(1, 8)))]
    return {name: draw(st.lists(st.sampled_from(names), max_size=3)) for name in names}


@given(graphs())
def test_a_cycle_is_found_exactly_if_some_node_reaches_itself(graph: dict[str, list[str]]) -> None:
    found = cycle(graph)
    assert bool(found) == any(node in reachable(graph, node) for node in graph)
    assert all(after in graph[before] for before, after in itertools.pairwise(found))
    assert not found or found[0] == found[-1]


@given(graphs())
def test_levels_order_and_descendants(graph: dict[str, list[str]]) -> None:
    if cycle(graph):
        return
    order = sorted_by_dependency(graph)
    assert sorted(order) == sorted(graph)
    assert all(order.index(other) < order.index(node) for node in graph for other in graph[node])
    level = {node: number for number, row in enumerate(levels(graph)) for node in row}
    assert all(level[node] == max((level[other] + 1 for other in graph[node]), default=0) for node in graph)
    for root in graph:
        assert descendants(graph, [root]) == {root} | {node for node in graph if root in reachable(graph, node)}


def test_a_long_chain_is_no_deep_recursion() -> None:
    chain = dependencies([Step(f"s{number}", "x") for number in range(20_000)])
    assert not cycle(chain)
    assert len(levels(chain)) == 20_000
