"""Scopes of trust: files are shared by the runs of one project that trust each other."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from runnerlib.source import without_credentials

if TYPE_CHECKING:
    from collections.abc import Mapping

    from runnerlib.runner.plan import JobPlan, RunPlan

_FORK = "REACTORCIDE_IS_FORK_PR"


def scope_of(plan: RunPlan, names: Mapping[str, str], *, foreign: bool) -> str:
    """Return the scope of a run: its project, and for one that is not trusted its change as well.

    Trusted jobs of a project share what they keep. Where others wrote what runs (a change from a fork, a source beside
    a CI source, an untrusted file or step), only runs of the same pull request or branch do, and no trusted one.
    """
    if not foreign:
        return f"{_project(plan)}\ntrusted"
    fork, number = plan.environ.get(_FORK) == "true", names.get("pr_number")
    change = f"pull request {number}" if number else f"branch {names.get('branch')} tag {names.get('tag')}"
    return f"{_project(plan)}\nuntrusted\n{'fork ' if fork else ''}{change}"


def is_foreign(plan: JobPlan) -> bool:
    """Return whether others wrote a part of what a job runs."""
    kinds = {checkout.trusted for checkout in plan.checkouts}
    return (
        plan.untrusted
        or plan.environ.get(_FORK) == "true"
        or len(kinds) == 2
        or any(step.untrusted for step in plan.job.steps)
    )


def _project(plan: RunPlan) -> str:
    """Return the project of a job: the address of its source, else the directory of its files."""
    spec = plan.checkouts[-1].spec if plan.checkouts else None
    if spec is not None and spec.url:
        return f"{spec.type} {without_credentials(spec.url)}"
    return os.path.realpath(plan.workspace.tree or plan.about)
