"""Fetching the history that a shallow clone lacks, from where it came.

libgit2 does it, which runs nothing that the configuration of a repository names; stored credentials go to the host
of the origin's URL only.
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from runnerlib.errors import SourceError
from runnerlib.repository.opening import opened
from runnerlib.source.git.libgit2 import Libgit2
from runnerlib.source.git.local import take_objects
from runnerlib.source.git.remote import find_common, find_store, locate
from runnerlib.source.git.transport import INFINITE
from runnerlib.source.git.wish import Wish

if TYPE_CHECKING:
    from runnerlib.source.git.remote import Remote

_BRANCHES = "+refs/heads/*:refs/remotes/origin/*"
_HEAD = "refs/runnerlib/head"


def deepen(directory: str | Path) -> None:
    """Fetch all branches of origin with their whole history, and that of HEAD where origin gives it away.

    Raises SourceError when there is no origin, or it cannot be reached.
    """
    store = find_store(Path(directory))
    with opened(directory) as repository:
        if "origin" not in repository.remotes.names():
            raise SourceError("it has no remote 'origin'")
        url = repository.remotes["origin"].url or ""
        head = None if repository.head_is_unborn else str(repository.head.target)
    remote = locate(url)
    if remote.url is None:
        _copy(remote, store)
        return
    transport = Libgit2(Wish(), lambda _line: None)
    transport.fetch(store, remote, [_BRANCHES], INFINITE)
    if head is not None and (find_common(store) / "shallow").exists():
        # The commit of a pull request is on no branch.
        with suppress(SourceError):
            transport.fetch(store, remote, [f"+{head}:{_HEAD}"], INFINITE)


def _copy(remote: Remote, store: Path) -> None:
    """From a repository on this machine: libgit2 fetches only whole histories there."""
    common = find_common(store)
    if not take_objects(remote, common):
        raise SourceError(f"the objects of '{remote.shown}' cannot be copied")
    if not (find_common(remote.store) / "shallow").exists():
        (common / "shallow").unlink(missing_ok=True)
    Libgit2(Wish(), lambda _line: None).fetch(store, remote, [_BRANCHES], 0)
