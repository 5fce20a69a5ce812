"""The context that conditions can read (branch, tag, changed files), resolved on first use."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from runnerlib._util.path_glob import any_matches
from runnerlib._util.paths import CONTAINER_BASE
from runnerlib.errors import RunnerError
from runnerlib.pipeline.conditions import variables
from runnerlib.pipeline.surroundings import Surroundings
from runnerlib.source.git_query import Head, changed_files, diff_base, head_of, is_repository, repository_about

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from runnerlib.runner.plan import RunPlan


def repository_of(plan: RunPlan) -> Path:
    """Return the repository that the job's conditions are about: that of its source, else the one around its file.

    A repository that an earlier run left in the source directory does not count: this run has neither prepared it
    nor been given it.
    """
    prepared = any(not checkout.trusted for checkout in plan.checkouts)
    given = prepared or plan.code_dir_given or plan.workspace.base == CONTAINER_BASE
    return repository_about(plan.code_dir, plan.about, given=given)


def surroundings(
    env: Mapping[str, str],
    job: str,
    source: Path,
    warn: Callable[[str], None],
    asked: Callable[[], Head] | None = None,
) -> Surroundings:
    """Return the context: variables from `env`, branch or tag of the repository at `source`, and its changed files.

    `asked`, if given, returns the branch or tag instead. When the changed files cannot be found, every file counts
    as changed and `warn` gets the reason: an error must not cause a step to be skipped.
    """

    @cache
    def named() -> Mapping[str, str]:
        given = variables(env, job)
        if given["branch"] or given["tag"]:
            return given
        head = asked() if asked is not None else head_of(source) if is_repository(source) else Head()
        return {**given, "branch": head.branch or "", "tag": head.tag or ""}

    @cache
    def files() -> frozenset[str] | None:
        base = diff_base(env)
        if base is None:
            warn("changed(): REACTORCIDE_DIFF_BASE does not say what to compare with, so every file counts as changed")
            return None
        try:
            return changed_files(source, base, deepen=True)
        except RunnerError as error:
            warn(f"changed(): {error}, so every file counts as changed")
            return None

    def changed(glob: str) -> bool:
        known = files()
        return known is None or any_matches(known, glob)

    return Surroundings(named, changed)
