"""The files that changed between two commits, and the base of comparison from Reactorcide's variables."""

from __future__ import annotations

import os
import re
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from runnerlib.errors import SourceError, one_line
from runnerlib.source.git.gitdir import read_shallow
from runnerlib.source.git.history import settled
from runnerlib.source.git.remote import find_common
from runnerlib.source.git_query.open import LackingError, explained, lacking, opened
from runnerlib.source.git_query.state import remotes

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pygit2

_UPSTREAM = "upstream/"
_BRANCH = "refs/heads/"
# No search (`:/text`), no reflog (`@{1}`), no option: a name, a commit id, and steps back from it.
_REVISION = re.compile(r"(?!-)((?:(?!\.\.|@\{)[^\s~^:?*\[\\\x00-\x1f\x7f])+)((?:[~^][0-9]{0,9}){0,9})")
_NO_COMMIT = re.compile("0{40}|0{64}")


def changed_files(directory: str | Path, base: str, head: str = "HEAD", *, deepen: bool = False) -> frozenset[str]:
    """List the files that differ between `head` and its merge base with `base`, as `git diff base...head` does.

    `directory` is the top of a work tree, or a bare repository; paths are relative to that top, both the
    old and the new one of a file that was moved, and of a submodule its directory. Revisions are
    branches (also those of `origin`), tags and commit ids, with `~` and `^`. With `deepen`, the branch or
    the history that a clone lacks is fetched from origin, which changes the clone. Raises SourceError when they cannot
    be compared.
    """
    try:
        return _changed(directory, base, head)
    except LackingError as error:
        if not deepen or not remotes(directory):
            raise
        why = error
    # What it takes to fetch is for comparisons that lack something.
    from runnerlib.source.git_query.unshallow import deepened

    parts = _REVISION.fullmatch(base)
    try:
        for _ in deepened(directory, parts[1] if parts else base):
            with suppress(LackingError):
                return _changed(directory, base, head)
    except SourceError as error:
        raise SourceError(f"{why}; it cannot be fetched now: {error}") from None
    return _changed(directory, base, head)


def _changed(directory: str | Path, base: str, head: str) -> frozenset[str]:
    with opened(directory) as repository, explained(repository, f"compare with '{one_line(base)}'"):
        old, new = _commit(repository, base), _commit(repository, head)
        _check_history(repository, old, new)
        common = repository.merge_base(old.id, new.id)
        if common is None:
            raise lacking(repository, f"'{one_line(base)}' and '{one_line(head)}' have no commit in common")
        parent = repository[common].peel(type(new))
        diff = parent.tree.diff_to_tree(new.tree)
        paths = (file.raw_path for delta in diff.deltas for file in (delta.old_file, delta.new_file))
        return frozenset(map(os.fsdecode, paths))


def _check_history(repository: pygit2.Repository, old: pygit2.Commit, new: pygit2.Commit) -> None:
    """Raise LackingError if commits missing in a shallow clone could change the common history of the two."""
    ended = read_shallow(find_common(Path(repository.path)))
    if not ended or old.id == new.id:
        return
    if not settled(str(old.id), str(new.id), _known(repository, old, new), ended):
        raise lacking(repository, "the history that both have in common is not all here")


def _known(repository: pygit2.Repository, *tips: pygit2.Commit) -> dict[str, list[str]]:
    """All commits that are here and reachable from `tips` → their parents, children first."""
    from runnerlib.source.git.libgit2_settings import pygit2

    walk = repository.walk(None, pygit2.enums.SortMode.TOPOLOGICAL)
    for tip in tips:
        walk.push(tip.id)
    return {str(commit.id): [str(above) for above in commit.parent_ids] for commit in walk}


def diff_base(environ: Mapping[str, str]) -> str | None:
    """Return the base that Reactorcide's variables name for a comparison; None without one.

    For a push of a new branch the previous commit is an id of zeros, which counts as no base. The target branch of a
    change from a fork is a branch of `upstream`. A push without further information is compared with the parent
    commit.
    """
    base = environ.get("REACTORCIDE_DIFF_BASE", "")
    if base and not _NO_COMMIT.fullmatch(base):
        return base
    for name in ("REACTORCIDE_PR_BASE_REF", "REACTORCIDE_BASE_REF"):
        branch = environ.get(name, "").removeprefix(_BRANCH)
        if branch:
            return f"{_UPSTREAM if environ.get('REACTORCIDE_BASE_URL') else 'origin/'}{branch}"
    return "HEAD^" if not base and environ.get("REACTORCIDE_EVENT_TYPE") == "push" else None


def _commit(repository: pygit2.Repository, revision: str) -> pygit2.Commit:
    """The commit that `revision` means: as git finds its name, else as a branch of origin.

    What is said to be upstream's is origin's where they are the same, so that there is no remote upstream.
    """
    from runnerlib.source.git.libgit2_settings import pygit2

    parts = _REVISION.fullmatch(revision)
    if parts is None:
        raise SourceError(f"'{one_line(revision)}' is no branch, tag or commit id")
    branch = parts[1].removeprefix(_UPSTREAM)
    if branch != parts[1] and "upstream" in repository.remotes.names():
        names: tuple[str, ...] = (parts[1],)
    else:
        names = (parts[1],) if parts[1] == "HEAD" else (parts[1], f"origin/{branch}")
    known = [name for name in names if _found(repository, name)]
    found = _found(repository, known[0] + parts[2]) if known else None
    if found is None:
        raise lacking(repository, f"there is no branch, tag or commit '{one_line(revision)}'")
    return found.peel(pygit2.Commit)


def _found(repository: pygit2.Repository, revision: str) -> pygit2.Object | None:
    from runnerlib.source.git.libgit2_settings import pygit2

    with suppress(KeyError, pygit2.InvalidSpecError):
        return repository.revparse_single(revision)
    return None
