"""Queries to a git repository about a checkout: its changed files, its ref and commit, its origin.

libgit2 reads objects and references only: no hook, filter, alias, diff driver or other command of the repository's
configuration is ever run. The author of the repository can still forge its history.

A directory is the top of a work tree or a bare repository, never one inside of it: a checkout often lies inside
another repository, whose answers would be wrong.
"""

from runnerlib.source.git_query.changes import changed_files, diff_base
from runnerlib.source.git_query.head import Head, head_of, is_repository, repository_about
from runnerlib.source.git_query.state import GitInfo, git_info, is_dirty, remotes

__all__ = [
    "GitInfo",
    "Head",
    "changed_files",
    "diff_base",
    "git_info",
    "head_of",
    "is_dirty",
    "is_repository",
    "remotes",
    "repository_about",
]
