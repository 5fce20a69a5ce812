"""Context of a condition: the facts that are known when a step is about to start."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from runnerlib.events.result import StepResult

_NONE: Mapping[str, str] = MappingProxyType({})
_NO_STEPS: Mapping[str, StepResult] = MappingProxyType({})

_TAG_EVENT = "tag_created"

# The first variable that is set counts.
_FROM: Mapping[str, tuple[str, ...]] = {
    "branch": ("REACTORCIDE_BRANCH", "REACTORCIDE_GIT_BRANCH"),
    "event": ("REACTORCIDE_EVENT_TYPE",),
    "sha": ("REACTORCIDE_SHA", "REACTORCIDE_GIT_COMMIT"),
    "pr_number": ("REACTORCIDE_PR_NUMBER",),
    "base_branch": ("REACTORCIDE_PR_BASE_REF", "REACTORCIDE_BASE_REF"),
    "fork": ("REACTORCIDE_IS_FORK_PR",),
    "repo": ("REACTORCIDE_REPO",),
    "actor": ("REACTORCIDE_HEAD_ACTOR",),
}

VARIABLES = (*_FROM, "tag", "job")
"""The names that stand for a text by themselves."""


def _unknown_changes(_glob: str) -> bool:
    return True


class Facts(NamedTuple):
    """Facts that are known when a step is about to start.

    `failed` says whether a required step has failed, `cancelled` whether the job is being stopped. `changed` takes a
    glob and returns whether a changed file matches; where the changes are not known, every file counts as changed.
    `variables` has texts for VARIABLES; those it lacks are empty. `vars` are those of a workflow, where `steps` are
    jobs; `inputs` are the values of its inputs, or of those of the job.
    """

    branch: str = ""
    env: Mapping[str, str] = _NONE
    steps: Mapping[str, StepResult] = _NO_STEPS
    failed: bool = False
    cancelled: bool = False
    changed: Callable[[str], bool] = _unknown_changes
    variables: Mapping[str, str] = _NONE
    vars: Mapping[str, str] = _NONE
    inputs: Mapping[str, str] = _NONE


def variables(environ: Mapping[str, str], job: str = "") -> dict[str, str]:
    """Return the texts for VARIABLES from Reactorcide's variables; `branch` is empty when a tag was made."""
    found = {name: _first(environ, spellings) for name, spellings in _FROM.items()}
    is_tag = found["event"] == _TAG_EVENT
    return {
        **found,
        "branch": "" if is_tag else found["branch"],
        "tag": found["branch"] if is_tag else "",
        "job": job,
    }


def _first(environ: Mapping[str, str], names: tuple[str, ...]) -> str:
    return next((environ[name] for name in names if environ.get(name)), "")
