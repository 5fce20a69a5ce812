"""Events of a repository, in the terms of Reactorcide; pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from runnerlib.errors import ConfigError, unknown
from runnerlib.pipeline.workflow.job import EVENTS

if TYPE_CHECKING:
    from collections.abc import Mapping

# The variables of an event that its follow-up jobs get.
_PASSED_ON = (
    *("EVENT_TYPE", "BRANCH", "SHA", "SOURCE_URL", "PR_BASE_REF", "PR_NUMBER", "PR_REF", "DIFF_BASE"),
    *("CI_SOURCE_URL", "CI_SOURCE_REF", "HEAD_URL", "HEAD_REF", "BASE_URL", "BASE_REF", "IS_FORK_PR"),
)
_PREFIX = "REACTORCIDE_"
_BRANCH = "refs/heads/"


class Event(NamedTuple):
    """An event; `variables` are those REACTORCIDE_* that describe it."""

    kind: str
    variables: Mapping[str, str]

    @property
    def is_pull_request(self) -> bool:
        """True if it is about a pull request, merged and closed ones included."""
        return self.kind.startswith("pull_request")

    @property
    def branch(self) -> str:
        """The name that filters of branches test.

        It is the branch, the base branch of a pull request, or the name of a tag.
        """
        names = ("PR_BASE_REF", "BASE_REF", "BRANCH") if self.is_pull_request else ("BRANCH",)
        found = next((self.variables[_PREFIX + name] for name in names if self.variables.get(_PREFIX + name)), "")
        return found.removeprefix(_BRANCH).removeprefix("refs/tags/")


def event(kind: str, given: Mapping[str, str | None], environ: Mapping[str, str]) -> Event:
    """Return the event `kind` with the values `given`, and those of `environ` for the rest.

    Raises ConfigError for an unknown kind.

    The keys of `given` are names of variables without their prefix.
    """
    if kind not in EVENTS:
        raise ConfigError(unknown("type of event", kind[:100], EVENTS))
    known = {**context(environ), **{_PREFIX + name: value for name, value in given.items() if value}}
    return Event(kind, {**known, "REACTORCIDE_EVENT_TYPE": kind})


def context(environ: Mapping[str, str]) -> dict[str, str]:
    """The variables of the event that this process is a consequence of."""
    return {name: value for part in _PASSED_ON if (value := environ.get(name := _PREFIX + part))}
