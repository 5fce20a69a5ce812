"""Opening a repository, and saying what is wrong with it."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

from runnerlib.errors import SourceError, one_line

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import pygit2

_OPENING = threading.Lock()  # what is switched for an opening is switched for the whole process


@contextmanager
def opened(directory: str | Path) -> Iterator[pygit2.Repository]:
    """The repository at `directory` itself, not one above it. Raises SourceError."""
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
def explained(repository: pygit2.Repository, trying: str) -> Iterator[None]:
    """Turn libgit2's errors into SourceError: what was tried, as "compare with 'main'", and what would help."""
    import pygit2

    try:
        yield
    except (pygit2.GitError, KeyError, ValueError) as error:
        raise lacking(repository, f"cannot {trying}: {_said(error)}") from None


class ShallowError(SourceError):
    """A shallow clone lacks what was asked for."""


def lacking(repository: pygit2.Repository, text: str) -> SourceError:
    """The error that commits are missing, and what to do."""
    if not repository.is_shallow:
        return SourceError(f"{text}; fetch it from origin, or name another commit to compare with")
    way = "fetch its history with `git fetch --unshallow`, or make the clone with `--source-options depth=0`"
    return ShallowError(f"{text}; the clone is shallow: {way}")


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


def _said(error: Exception) -> str:
    text = str(error.args[0] if error.args else error)
    return one_line(text).strip().rstrip(".").lower()
