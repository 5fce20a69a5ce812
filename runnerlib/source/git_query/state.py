"""State of a checkout: branch, commit, tag, origin, and whether there are uncommitted changes."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypedDict

from runnerlib.source import without_credentials
from runnerlib.source.git_query.head import head_of
from runnerlib.source.git_query.open import explained, opened

if TYPE_CHECKING:
    from pathlib import Path

    import pygit2


class GitInfo(TypedDict):
    """A checkout. The keys are those of Reactorcide's `git_info`, and `shallow`.

    `branch` is the one that is checked out, or that a run was asked to check out; None when HEAD is detached
    otherwise. `commit` and `short_commit` (unique in the repository, 7 digits or more) are None before the first
    commit. `tag` is the one that a run was asked for, else one that stands at this very commit, the one that
    `git describe --tags --exact-match` names. `remote_url` is that of origin, or of the only remote, without
    credentials. `shallow`: a part of the history is missing.
    """

    branch: str | None
    commit: str | None
    short_commit: str | None
    tag: str | None
    remote_url: str | None
    shallow: bool


def git_info(directory: str | Path) -> GitInfo:
    """Return the state of the work tree whose top is `directory`, or of a bare repository.

    Raises SourceError when it is no repository, or one that cannot be read.
    """
    with opened(directory) as repository, explained(repository, f"read the repository '{directory}'"):
        commit, head = _head(repository), head_of(repository.path)
        urls = _remotes(repository)
        url = urls.get("origin") or (next(iter(urls.values())) if len(urls) == 1 else None)
        return {
            "branch": head.branch,
            "commit": None if commit is None else str(commit.id),
            "short_commit": None if commit is None else commit.short_id,
            "tag": head.tag or (None if commit is None else _tag(repository, commit)),
            "remote_url": url,
            "shallow": repository.is_shallow,
        }


def is_dirty(directory: str | Path) -> bool:
    """Return whether the work tree or the index has uncommitted changes.

    New files that are not ignored count.

    Reads every file that looks changed, so it takes longer the more files there are. A bare repository has
    no work tree and is never dirty. Raises SourceError.
    """
    from runnerlib.source.git.libgit2_settings import pygit2

    FileStatus = pygit2.enums.FileStatus  # noqa: N806 - a class
    with opened(directory) as repository, explained(repository, f"read the repository '{directory}'"):
        if repository.is_bare:
            return False
        clean = {FileStatus.CURRENT, FileStatus.IGNORED}
        return any(status not in clean for status in repository.status(untracked_files="normal").values())


def remotes(directory: str | Path) -> dict[str, str]:
    """The URLs of the remotes by their names, without credentials. Raises SourceError."""
    with opened(directory) as repository, explained(repository, f"read the repository '{directory}'"):
        return _remotes(repository)


def _head(repository: pygit2.Repository) -> pygit2.Commit | None:
    """The commit that is checked out; None before the first. Raises what libgit2 raises when it cannot be read."""
    from runnerlib.source.git.libgit2_settings import pygit2

    return None if repository.head_is_unborn else repository.head.peel(pygit2.Commit)


def _tag(repository: pygit2.Repository, commit: pygit2.Commit) -> str | None:
    from runnerlib.source.git.libgit2_settings import pygit2

    if next(repository.references.iterator(pygit2.enums.ReferenceFilter.TAGS), None) is None:
        return None  # libgit2 has no error of its own for this
    try:
        return repository.describe(commit, max_candidates_tags=0, describe_strategy=pygit2.enums.DescribeStrategy.TAGS)
    except KeyError:
        return None


def _remotes(repository: pygit2.Repository) -> dict[str, str]:
    """Credentials are left out rather than hidden: the URL can be used again."""
    found = ((remote.name, remote.url) for remote in repository.remotes)
    return {name: without_credentials(url).replace("***@", "", 1) for name, url in found if name and url}
