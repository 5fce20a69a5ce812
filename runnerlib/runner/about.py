"""The repository of a run, as the conventions of OpenTelemetry for version control name it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from runnerlib.errors import RunnerError
from runnerlib.runner.condition_context import repository_of, surroundings
from runnerlib.source.git_query.head import commit_of, is_repository

if TYPE_CHECKING:
    from runnerlib.runner.plan import RunPlan


def about(plan: RunPlan) -> dict[str, str]:
    """Return what is known: URL, branch or tag, commit. Credentials are not in the URL."""
    found: dict[str, str] = {}
    if plan.config.source_url:
        found["vcs.repository.url.full"] = re.sub(r"//[^/?#]*@", "//", plan.config.source_url)
    repository = repository_of(plan)
    try:
        named = surroundings(plan.env, "", repository, lambda _text: None).variables()
        commit = commit_of(repository) if is_repository(repository) else ""
    except (RunnerError, OSError):  # it is not what it was
        return found
    for kind in ("branch", "tag"):
        if named[kind]:
            found |= {"vcs.ref.head.name": named[kind], "vcs.ref.head.type": kind}
    if commit:
        found["vcs.ref.head.revision"] = commit
    return found
