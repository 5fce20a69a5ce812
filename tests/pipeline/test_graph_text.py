"""Pictures of graphs as text: one layout for jobs and workflows, which fits the terminal."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runnerlib.output.text.columns import columns
from runnerlib.pipeline.graph_text import Node, as_mermaid, as_text, graph_as_text
from runnerlib.pipeline.job import Job, Retry, Step

JOB = Job(
    "ci",
    [
        Step("lint", "ruff check .", depends_on=()),
        Step("構築", 'for target in $(cat targets); do make --jobs 4 "$target" || exit 1; done', depends_on=()),
        Step("a step with a rather long name", "true\nfalse", depends_on=("lint",), required=False, timeout=90),
        Step("deploy", "./deploy", depends_on=("lint", "構築"), condition="branch == 'main'", retry=Retry(max=2)),
    ],
)

AT_80 = """\
job ci: 4 steps
level 1
  lint                            ruff check .
  構築                            for target in $(cat targets); do make --jobs …
level 2
  a step with a rather long name  true…
                                  after lint; may fail; at most 90 s
                                  left out
  deploy                          ./deploy
                                  after lint, 構築; if branch == 'main'; up to 3
                                  attempts
                                  done before"""

AT_40 = """\
job ci: 4 steps
level 1
  lint             ruff check .
  構築             for target in $(cat …
level 2
  a step with a …  true…
                   after lint; may fail;
                   at most 90 s
                   left out
  deploy           ./deploy
                   after lint, 構築; if
                   branch == 'main'; up
                   to 3 attempts
                   done before"""


@pytest.mark.parametrize(("width", "shown"), [(80, AT_80), (40, AT_40)])
def test_what_a_job_looks_like(width: int, shown: str) -> None:
    assert as_text(JOB, ["deploy"], ["a step with a rather long name"], width) == shown


def test_nothing_is_wrapped_where_no_terminal_is() -> None:
    assert "after lint, 構築; if branch == 'main'; up to 3 attempts\n" in as_text(JOB) + "\n"


texts = st.text(st.sampled_from("ab 日é\n"), max_size=60)


@given(st.lists(texts, min_size=1, max_size=6, unique=True), texts, st.integers(16, 120))
def test_every_line_fits(names: list[str], text: str, width: int) -> None:
    graph = {name: tuple(names[:number]) for number, name in enumerate(names)}
    nodes = {name: Node(text or "x", ["after " + text, text], text.replace("\n", " ")) for name in names}
    shown = graph_as_text("job ci", graph, nodes, width)
    assert all(columns(line) <= width for line in shown.split("\n"))


def test_the_diagram_has_the_same_nodes() -> None:
    assert as_mermaid(JOB, ["deploy"]).split("\n") == [
        "flowchart TD",
        '  s0["lint"]',
        '  s1["構築"]',
        '  s2["a step with a rather long name"]',
        '  s3["deploy"]',
        "  s0 --> s2",
        "  s0 --> s3",
        "  s1 --> s3",
        "  classDef idle stroke-dasharray: 4 4",
        "  class s3 idle",
    ]
