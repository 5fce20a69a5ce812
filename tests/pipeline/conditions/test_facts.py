"""The variables of conditions, from those Reactorcide gives a job."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from runnerlib.pipeline.conditions import VARIABLES, variables

PUSH = {"REACTORCIDE_EVENT_TYPE": "push", "REACTORCIDE_BRANCH": "main", "REACTORCIDE_SHA": "abc"}


@given(st.dictionaries(st.text(max_size=5), st.text(max_size=5)), st.text(max_size=5))
def test_every_variable_has_a_text(environ: dict[str, str], job: str) -> None:
    found = variables(environ, job)
    assert set(found) == set(VARIABLES)
    assert found["job"] == job


def test_a_push() -> None:
    found = variables(PUSH)
    assert (found["branch"], found["tag"], found["sha"], found["event"]) == ("main", "", "abc", "push")


def test_a_tag_is_no_branch() -> None:
    found = variables({**PUSH, "REACTORCIDE_EVENT_TYPE": "tag_created", "REACTORCIDE_BRANCH": "v1"})
    assert (found["branch"], found["tag"]) == ("", "v1")


def test_a_pull_request() -> None:
    pull = {"REACTORCIDE_PR_NUMBER": "7", "REACTORCIDE_BASE_REF": "main", "REACTORCIDE_IS_FORK_PR": "true"}
    found = variables(pull)
    assert (found["pr_number"], found["base_branch"], found["fork"]) == ("7", "main", "true")
    assert variables({**pull, "REACTORCIDE_PR_BASE_REF": "dev"})["base_branch"] == "dev"
    assert variables({**pull, "REACTORCIDE_PR_BASE_REF": ""})["base_branch"] == "main"
