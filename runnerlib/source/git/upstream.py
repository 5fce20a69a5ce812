"""Base of a change, as Reactorcide's variables give it: a repository and a branch of it.

If a change comes from a fork, the base is in another repository than the source: the checkout gets it as remote
`upstream`. It is optional for a job, so failures here are reported and do not stop the run.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NamedTuple

from runnerlib.errors import SourceError
from runnerlib.source.git import gitdir
from runnerlib.source.git.address import check_url
from runnerlib.source.git.refs import is_id
from runnerlib.source.git.remote import Remote, locate

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from runnerlib.source.spec import Report


class Base(NamedTuple):
    """Base of a change: its repository, None for that of the source, and its branch or commit, if known."""

    url: str | None
    ref: str | None = None


def described(environ: Mapping[str, str] = os.environ) -> Base | None:
    """Return the base of the change that the job is for, from Reactorcide's variables."""
    url = environ.get("REACTORCIDE_BASE_URL") or None
    ref = environ.get("REACTORCIDE_PR_BASE_REF") or environ.get("REACTORCIDE_BASE_REF") or None
    return Base(url, ref) if url or ref else None


def before(environ: Mapping[str, str] = os.environ) -> str | None:
    """Return the commit before a push, from Reactorcide's variables; for a new branch that is a row of zeros: None."""
    commit = environ.get("REACTORCIDE_DIFF_BASE", "")
    return commit.lower() if is_id(commit) and commit.strip("0") else None


def locate_base(base: Base, origin: Remote) -> Remote:
    """The repository of the base; `origin` itself when it is no other. Raises `SourceError`."""
    if base.url is None:
        return origin
    check_url(base.url)
    remote = locate(base.url)
    return origin if _bare(remote.address) == _bare(origin.address) else remote


def added(base: Base, origin: Remote, store: Path, report: Report) -> bool:
    """Add the remote to the checkout whose git directory is `store`, unless the base is the `origin` itself.

    Returns False, and tells why, where there can be none.
    """
    try:
        remote = locate_base(base, origin)
    except SourceError as error:
        report(f"going on without upstream: {error}")
        return False
    if remote is not origin:
        with open(store / "config", "a", encoding="utf-8", errors="surrogateescape") as config:
            config.write(gitdir.remote_section("upstream", remote.address))
    return True


def _bare(address: str) -> str:
    """Normalize an address: remove differences that mean nothing to a forge."""
    return address.rstrip("/").removesuffix(".git").rstrip("/")
