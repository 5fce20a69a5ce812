"""Events, branches and paths: what is meant for what, against the rules of the contract written down once more."""

from __future__ import annotations

from fnmatch import fnmatchcase

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runnerlib.errors import ConfigError
from runnerlib.pipeline.workflow import Filter
from runnerlib.triggers.evaluate.event import EVENTS, Event, event
from runnerlib.triggers.evaluate.filters import mismatch

GLOBS = st.lists(st.sampled_from(["src", "docs", "*", "**", "*.md", "a.py"]), min_size=1, max_size=3).map("/".join)
PATHS = st.lists(st.sampled_from(["src", "docs", "x.md", "a.py"]), min_size=1, max_size=3).map("/".join)
BRANCHES = st.sampled_from(["", "main", "release/1", "release/1/x", "feature"])
FILTERS = st.builds(
    Filter,
    st.lists(st.sampled_from(EVENTS), max_size=3).map(tuple),
    st.lists(st.sampled_from(["main", "release/*", "**", "feat*"]), max_size=2).map(tuple),
    st.lists(GLOBS, max_size=2).map(tuple),
    st.lists(GLOBS, max_size=2).map(tuple),
)


def fits(path: list[str], glob: list[str]) -> bool:
    """The rule of globs by recursion, which nobody would use in earnest."""
    if not glob:
        return not path
    if glob[0] == "**":
        return fits(path, glob[1:]) or (bool(path) and fits(path[1:], glob))
    return bool(path) and fnmatchcase(path[0], glob[0]) and fits(path[1:], glob[1:])


def any_fits(text: str, globs: tuple[str, ...]) -> bool:
    return any(fits(text.split("/"), glob.split("/")) for glob in globs)


def selected(wanted: Filter, kind: str, branch: str, changed: list[str] | None) -> bool:
    if kind not in wanted.events:
        return False
    if wanted.branches and branch and not any_fits(branch, wanted.branches):
        return False
    if not (wanted.include or wanted.exclude) or changed is None:
        return True
    return any(
        (not wanted.include or any_fits(path, wanted.include)) and not any_fits(path, wanted.exclude)
        for path in changed
    )


@given(FILTERS, st.sampled_from(EVENTS), BRANCHES, st.none() | st.lists(PATHS, max_size=3))
def test_it_selects_what_the_contract_says(wanted: Filter, kind: str, branch: str, changed: list[str] | None) -> None:
    name = "PR_BASE_REF" if kind.startswith("pull_request") else "BRANCH"
    happened = event(kind, {name: branch}, {})
    assert happened.branch == branch
    assert (mismatch(wanted, happened, lambda: changed) == "") == selected(wanted, kind, branch, changed)


def test_what_changed_is_asked_only_where_it_counts() -> None:
    def never() -> None:
        raise AssertionError("asked in vain")

    happened = event("push", {"BRANCH": "main"}, {})
    assert not mismatch(Filter(("push",)), happened, never)
    assert mismatch(Filter(("push",), ("other",), ("**",)), happened, never)
    assert mismatch(Filter((), (), ("**",)), happened, never) == "it is meant for no event"


@pytest.mark.parametrize(
    ("kind", "told", "branch"),
    [
        ("push", {"BRANCH": "main"}, "main"),
        ("push", {"BRANCH": "refs/heads/main"}, "main"),
        ("push", {"BRANCH": "main", "PR_BASE_REF": "other"}, "main"),
        ("tag_created", {"BRANCH": "v1.2"}, "v1.2"),
        ("tag_created", {"BRANCH": "refs/tags/v1.2"}, "v1.2"),
        ("pull_request_opened", {"BRANCH": "fix", "PR_BASE_REF": "main"}, "main"),
        ("pull_request_merged", {"BRANCH": "fix", "BASE_REF": "refs/heads/main"}, "main"),
        ("pull_request_closed", {}, ""),
    ],
)
def test_the_branch_of_an_event(kind: str, told: dict[str, str], branch: str) -> None:
    assert event(kind, told, {}).branch == branch


def test_what_is_given_wins_over_the_environment() -> None:
    environ = {"REACTORCIDE_BRANCH": "main", "REACTORCIDE_PR_NUMBER": "7", "REACTORCIDE_QUEUE": "q"}
    found = event("push", {"BRANCH": "other", "PR_NUMBER": None}, environ)
    assert found == Event(
        "push",
        {"REACTORCIDE_BRANCH": "other", "REACTORCIDE_PR_NUMBER": "7", "REACTORCIDE_EVENT_TYPE": "push"},
    )


def test_an_unknown_event_is_told() -> None:
    with pytest.raises(ConfigError, match=r"unknown type of event 'pushed'.*did you mean 'push'"):
        event("pushed", {}, {})
