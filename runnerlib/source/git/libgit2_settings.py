"""libgit2 with the settings that it has for the whole process; whatever uses pygit2 imports this first.

Every thread reads them without a lock. What is memory is therefore set once, here: libgit2 frees the list of
extensions that it replaces, in the middle of another thread's opening. What is a number is switched for as long as
any thread wants it, so that no two calls put back each other's value.
"""

from __future__ import annotations

import sys
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

from runnerlib.errors import SourceError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import pygit2
else:
    try:
        import pygit2
    except Exception as error:
        # It loads the certificates of the machine at once, and does without itself where there are none; they count
        # for https only, which is refused then.
        made = getattr(sys.modules.get("pygit2.settings"), "Settings", None)
        if made is None or type(error).__name__ != "GitError":
            raise SourceError(f"libgit2 cannot be loaded: {error}") from None
        made._initialize_tls_certificate_locations = lambda _self: None
        import pygit2

__all__ = ["any_owner", "open_repository", "pygit2", "server_silent_for"]

# Clones that leave files out can be asked for all that they have.
pygit2.settings.set_extensions([*pygit2.settings.extensions, "partialclone"])
# The library waits for ever unless it is told; milliseconds.
pygit2.settings.server_connect_timeout = 30_000

_LOCK = threading.Lock()
_before: list[bool] = []  # for each that is at it, whether owners counted before the first came
_patience: list[int] = []


@contextmanager
def any_owner() -> Iterator[None]:
    """Let libgit2 open repositories of other users: those that the user names, and nothing in them is run."""
    with _LOCK:
        _before.append(_before[0] if _before else pygit2.settings.owner_validation)
        pygit2.settings.owner_validation = False
    try:
        yield
    finally:
        with _LOCK:
            before = _before.pop()
            if not _before:
                pygit2.settings.owner_validation = before


@contextmanager
def server_silent_for(seconds: int) -> Iterator[None]:
    """Let servers say nothing for so many seconds while the block runs: the longest time that a thread asks for."""
    with _LOCK:
        _patience.append(seconds)
        pygit2.settings.server_timeout = max(_patience) * 1000
    try:
        yield
    finally:
        with _LOCK:
            _patience.remove(seconds)
            pygit2.settings.server_timeout = max(_patience, default=seconds) * 1000


def open_repository(directory: str | Path) -> pygit2.Repository:
    """The repository at `directory` itself, not one above it, whoever owns it. Raises what libgit2 raises."""
    with any_owner():
        return pygit2.Repository(str(directory), pygit2.enums.RepositoryOpenFlag.NO_SEARCH)
