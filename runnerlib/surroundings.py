"""What conditions can ask for about the world around a job; looked up when the first one does."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from runnerlib.conditions import variables
from runnerlib.engine import Surroundings
from runnerlib.errors import RunnerError
from runnerlib.path_glob import any_matches
from runnerlib.repository import changed_files, current_branch, diff_base

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path


def surroundings(env: Mapping[str, str], job: str, source: Path, warn: Callable[[str], None]) -> Surroundings:
    """The variables that `env` gives, the branch of the repository at `source`, and what changed there.

    When nobody can say what changed, everything has, and `warn` is told why: a step must not be
    skipped because of an error.
    """

    @cache
    def named() -> Mapping[str, str]:
        given = variables(env, job)
        return given if given["branch"] or given["tag"] else {**given, "branch": current_branch(source) or ""}

    @cache
    def files() -> frozenset[str] | None:
        base = diff_base(env)
        if base is None:
            warn("changed(): REACTORCIDE_DIFF_BASE does not say what to compare with, so every file counts as changed")
            return None
        try:
            return changed_files(source, base)
        except RunnerError as error:
            warn(f"changed(): {error}, so every file counts as changed")
            return None

    def changed(glob: str) -> bool:
        known = files()
        return known is None or any_matches(known, glob)

    return Surroundings(named, changed)
