"""Queries of a job's repository, under the names of Reactorcide's `src.git_ops` and `src.workflow`.

`runnerlib.source.git_query` does the work; here the repository is found automatically. A SourceError of these functions
is an OSError as well, or a FileNotFoundError for a missing directory: scripts catch these. `base_dir` is the top of
a work tree or a bare repository, by default the directory of the job's source (`runnerlib.env.code_dir`).
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, TypedDict

from runnerlib.api.env import env
from runnerlib.errors import RunnerError, SourceError, unprepared
from runnerlib.source.git_query import GitInfo, diff_base, is_dirty, remotes
from runnerlib.source.git_query import changed_files as files_between
from runnerlib.source.git_query import git_info as info_of

if TYPE_CHECKING:
    from pathlib import Path

__all__ = [
    "GitInfo",
    "RepositoryInfo",
    "changed_files",
    "get_files_changed",
    "get_repository_info",
    "git_info",
    "validate_git_repository",
]


class RepositoryInfo(TypedDict):
    """The result of `get_repository_info`: `error` says why nothing else is known."""

    is_valid: bool
    current_branch: str | None
    current_commit: str | None
    is_dirty: bool | None
    remotes: list[str]
    error: str | None


def changed_files(
    from_ref: str | None = None, to_ref: str = "HEAD", base_dir: str | Path | None = None, *, deepen: bool = True
) -> list[str]:
    """Return the files that differ between `to_ref` and its merge base with `from_ref`, sorted.

    Those are the files of `git diff from_ref...to_ref`: later changes on `from_ref` do not count. Paths are relative
    to the top; a file that was moved counts with both names. The default of `from_ref` is the base given by
    Reactorcide (REACTORCIDE_DIFF_BASE, REACTORCIDE_PR_BASE_REF), else the commit before `to_ref`.

    A shallow clone that lacks the history fetches it from origin first, unless `deepen` is False. Raises SourceError
    when they cannot be compared: an empty list always means that nothing changed.
    """
    base = from_ref or diff_base(os.environ) or f"{to_ref}^"
    directory = _directory(base_dir)
    try:
        return sorted(files_between(directory, base, to_ref, deepen=deepen))
    except SourceError as error:
        raise unprepared(error, directory) from None


def git_info(base_dir: str | Path | None = None) -> GitInfo:
    """Return a mapping about the checkout: `branch`, `commit`, `short_commit`, `tag`, `remote_url` and `shallow`.

    A missing value is None: the branch when HEAD is detached, as in the checkouts that a run makes
    (`runnerlib.env.branch` knows more), the tag when this very commit has none. Raises SourceError when it is no
    repository, or cannot be read.
    """
    directory = _directory(base_dir)
    try:
        return info_of(directory)
    except SourceError as error:
        raise unprepared(error, directory) from None


def get_files_changed(gitref: str, repo_path: str | Path | None = None) -> list[str]:
    """Return the files that changed since HEAD left `gitref`: `changed_files(gitref)`. Raises SourceError."""
    return changed_files(gitref, base_dir=repo_path)


def get_repository_info(repo_path: str | Path | None = None) -> RepositoryInfo:
    """Return information about a repository; never raises, `error` says what is wrong.

    `current_branch` is "detached HEAD" where there is none, `current_commit` has 8 digits, `remotes` are names.
    `is_dirty`: there are uncommitted changes.
    """
    directory = _directory(repo_path)
    try:
        info = info_of(directory)
        return {
            "is_valid": True,
            "current_branch": info["branch"] or "detached HEAD",
            "current_commit": None if info["commit"] is None else info["commit"][:8],
            "is_dirty": is_dirty(directory),
            "remotes": list(remotes(directory)),
            "error": None,
        }
    except RunnerError as error:
        return {
            "is_valid": False,
            "current_branch": None,
            "current_commit": None,
            "is_dirty": None,
            "remotes": [],
            "error": str(error),
        }


def validate_git_repository(repo_path: str | Path) -> tuple[bool, str]:
    """Return whether `repo_path` is a repository with a commit, and a sentence about it; never raises."""
    try:
        found = info_of(repo_path)["commit"]
    except RunnerError as error:
        return False, str(error)
    return (True, "Valid git repository") if found else (False, f"'{repo_path}' has no commit yet")


def _directory(given: str | Path | None) -> Path | str:
    return env.code_dir if given is None else given
