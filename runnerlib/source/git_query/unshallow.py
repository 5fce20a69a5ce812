"""Fetch the history that a shallow clone lacks for a comparison, from its remote.

libgit2 does it, which runs nothing that the configuration of a repository names; stored credentials go to the host
of the origin's URL only.
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from runnerlib.errors import SourceError
from runnerlib.source.git import gitdir
from runnerlib.source.git.compare_base import STEPS, fetch_deeper
from runnerlib.source.git.libgit2_transport import Libgit2
from runnerlib.source.git.local import take_objects
from runnerlib.source.git.options import GitOptions
from runnerlib.source.git.refs import check_ref, is_id
from runnerlib.source.git.remote import find_common, find_store, locate
from runnerlib.source.git.transport import INFINITE
from runnerlib.source.git_query.head import head_of
from runnerlib.source.git_query.open import opened

if TYPE_CHECKING:
    from collections.abc import Iterator

    from runnerlib.source.git.remote import Remote

_HEAD = "refs/runnerlib/head"
_OTHER = "refs/runnerlib/base"


def deepened(directory: str | Path, base: str) -> Iterator[None]:
    """Fetch more history of HEAD and of `base`, a branch or commit id, in steps; the last step fetches all.

    A branch is origin's, or upstream's where a change from a fork is compared with that. Yields after each step. Raises
    SourceError when there is no origin, or it cannot be reached.
    """
    place = Path(directory)
    store = find_common(find_store(place))
    with opened(directory) as repository:
        urls = {name: repository.remotes[name].url or "" for name in repository.remotes.names() if name}
        head = None if repository.head_is_unborn else str(repository.head.target)
    if "origin" not in urls:
        raise SourceError("it has no remote 'origin'")
    remotes: dict[str, Remote] = {name: locate(urls[name]) for name in ("origin", "upstream") if name in urls}
    if head is not None and remotes["origin"].url is not None:
        for depth in STEPS[: -1 if gitdir.read_shallow(store) else 1]:
            _fetch_some(store, remotes, head_of(place).branch, head, base, depth)
            yield
    _fetch_all(store, remotes, head)
    yield


def _fetch_some(store: Path, remotes: dict[str, Remote], branch: str | None, head: str, base: str, depth: int) -> None:
    """Fetch a part of the history of HEAD and of `base`; refs that a server refuses come with the rest."""
    side, _, name = base.partition("/")
    if side not in remotes:
        side, name = "origin", base.removeprefix("refs/heads/")
    wanted = [("origin", f"+{head}:{_HEAD}")]
    if branch is not None:
        wanted = [("origin", f"+refs/heads/{branch}:refs/remotes/origin/{branch}"), *wanted]
    if is_id(base):
        wanted += [(one, f"+{base}:{_OTHER}") for one in remotes]
    elif name != "HEAD":
        with suppress(SourceError):
            check_ref(name)
            wanted.append((side, f"+refs/heads/{name}:refs/remotes/{side}/{name}"))
            wanted.append((side, f"+refs/tags/{name}:refs/tags/{name}"))
    for one, spec in wanted:
        with suppress(SourceError):
            fetch_deeper(_libgit2(), store, remotes[one], [spec], depth)
    gitdir.forget(store / "refs/runnerlib")


def _fetch_all(store: Path, remotes: dict[str, Remote], head: str | None) -> None:
    """Fetch all branches of origin, those of a public upstream, and HEAD, which may be on no branch."""
    _fetch_branches(store, "origin", remotes["origin"])
    if "upstream" in remotes:
        with suppress(SourceError):
            _fetch_branches(store, "upstream", remotes["upstream"])
    if remotes["origin"].url is not None and head is not None and gitdir.read_shallow(store):
        with suppress(SourceError):
            _libgit2().fetch(store, remotes["origin"], [f"+{head}:{_HEAD}"], INFINITE)
    gitdir.forget(store / "refs/runnerlib")


def _fetch_branches(store: Path, name: str, remote: Remote) -> None:
    depth = INFINITE
    if remote.url is None:
        _copy(remote, store)
        depth = 0
    _libgit2().fetch(store, remote, [f"+refs/heads/*:refs/remotes/{name}/*"], depth)


def _copy(remote: Remote, store: Path) -> None:
    """The objects of a repository on this machine: libgit2 fetches only whole histories there."""
    if not take_objects(remote, store):
        raise SourceError(f"the objects of '{remote.shown}' cannot be copied")
    if not gitdir.read_shallow(find_common(remote.store)):
        gitdir.write_shallow(store, ())


def _libgit2() -> Libgit2:
    return Libgit2(GitOptions(), lambda _line: None)
