"""What a git repository says about a checkout: the files that changed, the branch it is on.

libgit2 reads objects and references only: no hook, filter, alias, diff driver or other command of the
repository's configuration is ever run. Whoever wrote the repository can still lie about its history.
"""

from __future__ import annotations

import os
import re
import threading
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from runnerlib.errors import SourceError, printable

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import pygit2

_OPENING = threading.Lock()  # what is switched for an opening is switched for the whole process
_BRANCH = "refs/heads/"
# No search (`:/text`), no reflog (`@{1}`), no option: a name, a commit id, and steps back from it.
_REVISION = re.compile(r"(?!-)((?:(?!\.\.|@\{)[^\s~^:?*\[\\\x00-\x1f\x7f])+)((?:[~^][0-9]{0,9}){0,9})")
_NO_COMMIT = re.compile("0{40}|0{64}")


def changed_files(directory: str | Path, base: str, head: str = "HEAD") -> frozenset[str]:
    """The files that differ between `head` and the commit where it left `base`: those of `git diff base...head`.

    `directory` is the top of a work tree, or a bare repository; paths are relative to that top, both the
    old and the new one of a file that was moved, and of a submodule its directory. Revisions are
    branches (also those of `origin`), tags and commit ids, with `~` and `^`. Raises SourceError when
    they cannot be compared, for instance because a shallow clone lacks the history.
    """
    with _opened(directory) as repository, _explained(repository, base):
        old, new = _commit(repository, base), _commit(repository, head)
        common = repository.merge_base(old.id, new.id)
        if common is None:
            raise SourceError(f"'{printable(base)}' and '{printable(head)}' have no commit in common{_fix(repository)}")
        parent = repository[common].peel(type(new))
        diff = parent.tree.diff_to_tree(new.tree)
        paths = (file.raw_path for delta in diff.deltas for file in (delta.old_file, delta.new_file))
        return frozenset(map(os.fsdecode, paths))


def current_branch(directory: str | Path) -> str | None:
    """The branch that is checked out in `directory`, even before its first commit.

    None for a detached HEAD and for a directory that is no repository. Raises SourceError for one that
    cannot be read.
    """
    top = Path(directory)
    if not (top / ".git").exists() and not (top / "HEAD").exists():
        return None
    with _opened(directory) as repository, _explained(repository, "HEAD"):
        target = repository.lookup_reference("HEAD").raw_target
    name = os.fsdecode(target) if isinstance(target, bytes) else ""
    return name.removeprefix(_BRANCH) if name.startswith(_BRANCH) else None


def diff_base(environ: Mapping[str, str]) -> str | None:
    """What Reactorcide's variables say a run is to be compared with; None when they do not.

    A push of a new branch has a commit id of zeros for what was there before: that is nothing.
    """
    base = environ.get("REACTORCIDE_DIFF_BASE", "")
    if base and not _NO_COMMIT.fullmatch(base):
        return base
    for name in ("REACTORCIDE_PR_BASE_REF", "REACTORCIDE_BASE_REF"):
        branch = environ.get(name, "").removeprefix(_BRANCH)
        if branch:
            return f"origin/{branch}"
    return None


@contextmanager
def _opened(directory: str | Path) -> Iterator[pygit2.Repository]:
    """The repository at `directory` itself, not one above it: a checkout often lies inside another one."""
    import pygit2
    from pygit2.enums import RepositoryOpenFlag

    with _trusting():
        try:
            repository = pygit2.Repository(str(directory), RepositoryOpenFlag.NO_SEARCH)
        except (pygit2.GitError, KeyError, ValueError) as error:
            raise SourceError(f"cannot open the git repository '{directory}': {_said(error)}") from None
    try:
        yield repository
    finally:
        repository.free()


@contextmanager
def _trusting() -> Iterator[None]:
    """Let libgit2 open what belongs to another user, and clones that leave files out: nothing in them is run."""
    import pygit2

    with _OPENING:
        owners, extensions = pygit2.settings.owner_validation, pygit2.settings.extensions
        pygit2.settings.owner_validation = False
        pygit2.settings.set_extensions(["partialclone"])
        try:
            yield
        finally:
            pygit2.settings.owner_validation = owners
            pygit2.settings.set_extensions(extensions)


@contextmanager
def _explained(repository: pygit2.Repository, base: str) -> Iterator[None]:
    import pygit2

    try:
        yield
    except (pygit2.GitError, KeyError, ValueError) as error:
        text = f"cannot compare with '{printable(base)}': {_said(error)}{_fix(repository)}"
        raise SourceError(text) from None


def _commit(repository: pygit2.Repository, revision: str) -> pygit2.Commit:
    """The commit that `revision` means: as git finds its name, else as a branch of origin."""
    import pygit2

    parts = _REVISION.fullmatch(revision)
    if parts is None:
        raise SourceError(f"'{printable(revision)}' is no branch, tag or commit id")
    names = (parts[1],) if parts[1] == "HEAD" else (parts[1], f"origin/{parts[1]}")
    known = [name for name in names if _found(repository, name)]
    found = _found(repository, known[0] + parts[2]) if known else None
    if found is None:
        raise SourceError(f"there is no branch, tag or commit '{printable(revision)}'{_fix(repository)}")
    return found.peel(pygit2.Commit)


def _found(repository: pygit2.Repository, revision: str) -> pygit2.Object | None:
    import pygit2

    with suppress(KeyError, pygit2.InvalidSpecError):
        return repository.revparse_single(revision)
    return None


def _fix(repository: pygit2.Repository) -> str:
    """What to do when commits are missing."""
    if repository.is_shallow:
        return "; the clone is shallow: fetch its history with `git fetch --unshallow`, or clone without --depth"
    return "; fetch it from origin, or name another commit to compare with"


def _said(error: Exception) -> str:
    text = str(error.args[0] if error.args else error)
    return printable(text).strip().rstrip(".").lower()
