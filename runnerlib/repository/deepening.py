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

_HEAD = "refs/runnerlib/head"


def deepen(directory: str | Path) -> None:
    """Fetch all branches of origin with their whole history, and that of HEAD where origin gives it away.

    Of a change from a fork those of upstream as well, where that gives them to everybody. Raises SourceError when
    there is no origin, or it cannot be reached.
    """
    store = find_store(Path(directory))
    with opened(directory) as repository:
        urls = {name: repository.remotes[name].url or "" for name in repository.remotes.names() if name}
        head = None if repository.head_is_unborn else str(repository.head.target)
    if "origin" not in urls:
        raise SourceError("it has no remote 'origin'")
    _fetch_all(store, "origin", urls["origin"])
    if "upstream" in urls:
        with suppress(SourceError):
            _fetch_all(store, "upstream", urls["upstream"])
    remote = locate(urls["origin"])
    if remote.url is not None and head is not None and (find_common(store) / "shallow").exists():
        # The commit of a pull request is on no branch.
        with suppress(SourceError):
            Libgit2(Wish(), lambda _line: None).fetch(store, remote, [f"+{head}:{_HEAD}"], INFINITE)


def _fetch_all(store: Path, name: str, url: str) -> None:
    """All branches of a remote with their history."""
    remote, depth = locate(url), INFINITE
    if remote.url is None:
        _copy(remote, store)
        depth = 0
    Libgit2(Wish(), lambda _line: None).fetch(store, remote, [f"+refs/heads/*:refs/remotes/{name}/*"], depth)


def _copy(remote: Remote, store: Path) -> None:
    """The objects of a repository on this machine: libgit2 fetches only whole histories there."""
    common = find_common(store)
    if not take_objects(remote, common):
        raise SourceError(f"the objects of '{remote.shown}' cannot be copied")
    if not (find_common(remote.store) / "shallow").exists():
        (common / "shallow").unlink(missing_ok=True)
