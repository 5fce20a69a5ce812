"""Open a repository, and explain errors."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from runnerlib.errors import SourceError, one_line

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import pygit2


@contextmanager
def opened(directory: str | Path) -> Iterator[pygit2.Repository]:
    """Open the repository at `directory` itself, not one above it, with any owner. Raises SourceError."""
    from runnerlib.source.git.libgit2_settings import open_repository, pygit2

    try:
        repository = open_repository(directory)
    except (pygit2.GitError, KeyError, ValueError) as error:
        raise SourceError(f"cannot open the git repository '{directory}': {_said(error)}") from None
    try:
        yield repository
    finally:
        repository.free()


@contextmanager
def explained(repository: pygit2.Repository, trying: str) -> Iterator[None]:
    """Turn libgit2's errors into SourceError, with the attempted action, as "compare with 'main'", and a remedy."""
    from runnerlib.source.git.libgit2_settings import pygit2

    try:
        yield
    except (pygit2.GitError, KeyError, ValueError) as error:
        raise lacking(repository, f"cannot {trying}: {_said(error)}") from None


class LackingError(SourceError):
    """A clone lacks the requested objects, which its remote may have."""


def lacking(repository: pygit2.Repository, text: str) -> LackingError:
    """The error that commits are missing, and what to do."""
    if not repository.is_shallow:
        return LackingError(f"{text}; fetch it from origin, or name another commit to compare with")
    way = "fetch its history with `git fetch --unshallow`, or make the clone with `--source-options depth=0`"
    return LackingError(f"{text}; the clone is shallow: {way}")


def _said(error: Exception) -> str:
    text = str(error.args[0] if error.args else error)
    return one_line(text).strip().rstrip(".").lower()
