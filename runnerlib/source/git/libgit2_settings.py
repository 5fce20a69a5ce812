"""Process-wide settings of libgit2; every user of pygit2 imports this module first.

All threads read the settings without a lock. A setting in allocated memory is therefore set once, here: libgit2 frees
the list of extensions that it replaces, while another thread may be opening a repository. A numeric setting is
changed for as long as any thread needs it, so that no two calls restore each other's value.
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
# The library's default is to wait for ever; milliseconds.
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
    """Set the seconds that a server may be silent during the block: the maximum over all threads."""
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
    """Open the repository at `directory` itself, not one above it, with any owner. Raises the errors of libgit2."""
    with any_owner():
        return pygit2.Repository(str(directory), pygit2.enums.RepositoryOpenFlag.NO_SEARCH)
