"""The remote `upstream`: the repository that a change from a fork is meant for, and the branch it is to be merged into.

Reactorcide says both (REACTORCIDE_BASE_URL, _BASE_REF). A job can do without them, so what goes wrong here is told
and stops nobody.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NamedTuple

from runnerlib.errors import SourceError
from runnerlib.source.git import skeleton
from runnerlib.source.git.address import check_url
from runnerlib.source.git.refs import check_ref, guess
from runnerlib.source.git.remote import Remote, locate

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from runnerlib.source.git.transport import Transport
    from runnerlib.source.spec import Report


class Base(NamedTuple):
    """Where a change is to go: the repository, and a branch or commit of it if that is known."""

    url: str
    ref: str | None = None


def told(environ: Mapping[str, str] = os.environ) -> Base | None:
    """The base of the change that the job is for, as Reactorcide says it."""
    url = environ.get("REACTORCIDE_BASE_URL", "")
    return Base(url, environ.get("REACTORCIDE_BASE_REF") or None) if url else None


def add(base: Base, origin: Remote, store: Path, depth: int, transport: Transport, report: Report) -> None:
    """Add the remote to the checkout whose git directory is `store`, and fetch its ref as deep as the checkout is.

    Nothing happens when the base is the `origin` itself.
    """
    try:
        check_url(base.url)
        remote = locate(base.url)
        if _bare(remote.address) == _bare(origin.address):
            return
        with open(store / "config", "a", encoding="utf-8", errors="surrogateescape") as config:
            config.write(skeleton.remote_section("upstream", remote.address))
        if base.ref is not None:
            check_ref(base.ref)
            _fetch(base.ref, remote, store, depth, transport)
            report(f"fetched '{base.ref}' of upstream '{remote.shown}'")
    except SourceError as error:
        report(f"going on without upstream: {error}")


def _bare(address: str) -> str:
    """An address without what makes no difference to a forge."""
    return address.rstrip("/").removesuffix(".git").rstrip("/")


def _fetch(ref: str, remote: Remote, store: Path, depth: int, transport: Transport) -> None:
    """Fetch one ref to `refs/remotes/upstream/`; it ends history only where nothing more is here."""
    wanted = guess(ref)
    name = ref.removeprefix("refs/heads/").removeprefix("refs/")
    before = skeleton.read_shallow(store)
    transport.fetch(store, remote, [f"+{wanted.name or wanted.commit}:refs/remotes/upstream/{name}"], depth)
    ended = skeleton.read_shallow(store)
    if added := ended - before:
        parents = transport.parents(store, added)
        ours = {one for one in added if parents[one] and all(transport.resolve(store, up) for up in parents[one])}
        skeleton.write_shallow(store, ended - ours)
