"""Bases that a checkout is compared with: tags, the target branch of a change, the commit before a push.

A check that asks for the commits since the base must see all of them, or it passes because some are missing. So
history is deepened in steps until no missing commit can change the answer (`history.settled`), and fetched whole if
that does not help. Afterwards the base is complete or absent: an error of git is better than half an answer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from runnerlib.errors import SourceError
from runnerlib.source.git import gitdir
from runnerlib.source.git.history import settled
from runnerlib.source.git.refs import check_ref, guess
from runnerlib.source.git.resolve_ref import WANTED
from runnerlib.source.git.transport import INFINITE, MissingRefError
from runnerlib.source.git.upstream import locate_base

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from runnerlib.source.git.remote import Remote
    from runnerlib.source.git.resolve_ref import Found
    from runnerlib.source.git.transport import Transport
    from runnerlib.source.git.upstream import Base
    from runnerlib.source.spec import Report

FIRST = 50
"""Commits of history that most changes are compared by; the first fetch of a checkout brings as many."""
STEPS = (FIRST, 10 * FIRST, INFINITE)
_BASE = "refs/runnerlib/base"
_HEADS = "+refs/heads/*:refs/runnerlib/heads/*"
_TAGS = "+refs/tags/*:refs/tags/*"


class Comparison(NamedTuple):
    """Bases of comparison: `base` of a change, `before` is the commit that a push replaced.

    `tags` is the reason why all tags are needed.
    """

    base: Base | None = None
    before: str | None = None
    tags: str | None = None


class Reach:
    """Fetches into `store` the base that the commit `found` of `origin` is compared with."""

    def __init__(self, transport: Transport, origin: Remote, store: Path, found: Found, report: Report) -> None:
        self._transport = transport
        self._origin = origin
        self._store = store
        self._found = found
        self._report = report

    def bring(self, wanted: Comparison) -> None:
        """Fetch all bases; report unavailable ones. Raises `SourceError` for unavailable tags."""
        if wanted.tags is not None:
            self._deepen(INFINITE, _TAGS)
            self._report(f"fetched all tags and the whole history: {wanted.tags}")
        if wanted.base is not None and wanted.base.ref is not None:
            self._bring_base(wanted.base, wanted.base.ref)
        if wanted.before is not None:
            self._bring_before(wanted)
        gitdir.forget(self._store / "refs/runnerlib")

    def _bring_base(self, base: Base, ref: str) -> None:
        """The branch that a change is for, as a branch of origin or of upstream."""
        remote = locate_base(base, self._origin)
        side = "origin" if remote is self._origin else "upstream"
        try:
            check_ref(ref)
            wanted = guess(ref.removeprefix("origin/"))
            tip = self._compare(remote, wanted.name or wanted.commit or "HEAD")
            name = ref.removeprefix("refs/heads/").removeprefix("refs/")
            gitdir.write_ref(self._store, f"refs/remotes/{side}/{name}", tip)
        except SourceError as error:
            without = f"the base '{ref}'" if side == "origin" else side
            self._report(f"going on without {without}: {error}")
        else:
            where = "" if side == "origin" else f" of upstream '{remote.shown}'"
            self._report(f"fetched '{ref}'{where} and {self._depth()}: a pull request is compared with it")

    def _bring_before(self, wanted: Comparison) -> None:
        """The commit that stood there before; that it is gone, as after a push by force, is no mistake."""
        before = wanted.before or ""
        try:
            remote = locate_base(wanted.base, self._origin) if wanted.base is not None else self._origin
            self._compare(remote, before)
        except SourceError as error:
            self._report(f"going on without the commit {before[:12]} that stood there before: {error}")
        else:
            self._report(f"fetched {before[:12]} and {self._depth()}: what stood there before is compared with it")

    def _compare(self, remote: Remote, source: str) -> str:
        """Have the store hold `source` of `remote`, and all that its comparison takes; return its commit.

        For a commit that the remote does not give away by its id, some history is searched, never all: it may be gone.
        """
        tip: str | None = None
        for depth in STEPS:
            if depth == INFINITE and tip is None:
                break
            if depth != FIRST and gitdir.read_shallow(self._store):
                self._deepen(depth)
            tip = self._tip(remote, source, depth)
            if tip is not None and self._is_settled(tip):
                return tip
        raise SourceError(f"'{remote.shown}' does not give the history that it takes to compare with '{source}'")

    def _tip(self, remote: Remote, source: str, depth: int) -> str | None:
        """Fetch the commit of `source` to the depth; None for an id that the server refuses and the store lacks."""
        try:
            fetch_deeper(self._transport, self._store, remote, [f"+{source}:{_BASE}"], depth)
        except SourceError:
            if source.startswith("refs/"):
                raise
            return self._transport.resolve(self._store, source)
        return self._transport.resolve(self._store, gitdir.read_ref(self._store, _BASE))

    def _is_settled(self, tip: str) -> bool:
        ended = gitdir.read_shallow(self._store)
        if not ended:
            return True
        both = (self._found.commit, tip)
        return settled(*both, self._transport.history(self._store, both), ended)

    def _deepen(self, depth: int, *more: str) -> None:
        """Deepen the commit itself, by its ref name where it has one: a server may refuse ids."""
        ref, commit = self._found.ref, self._found.commit
        if ref is not None:
            fetch_deeper(self._transport, self._store, self._origin, [f"+{ref}:{WANTED}", *more], depth)
            if self._transport.resolve(self._store, gitdir.read_ref(self._store, WANTED)) == commit:
                return
        try:
            fetch_deeper(self._transport, self._store, self._origin, [f"+{commit}:{WANTED}", *more], depth)
        except MissingRefError:
            fetch_deeper(self._transport, self._store, self._origin, [_HEADS, *more], INFINITE)

    def _depth(self) -> str:
        """Describe how much history is fetched."""
        return "the history that it takes" if gitdir.read_shallow(self._store) else "the whole history"


def fetch_deeper(transport: Transport, store: Path, remote: Remote, specs: Sequence[str], depth: int) -> None:
    """Deepen the history to `depth`, without shortening it anywhere; a complete one stays complete.

    Raises `SourceError`.
    """
    before = gitdir.read_shallow(store)
    try:
        transport.fetch(store, remote, specs, depth if before else 0)
    finally:
        _go_on(transport, store, before)


def _go_on(transport: Transport, store: Path, before: frozenset[str]) -> None:
    """Take back the new ends of history that have their parents here."""
    added = gitdir.read_shallow(store) - before
    if added:
        parents = transport.parents(store, added)
        here = transport.present(store, {above for one in added for above in parents[one]})
        ours = {one for one in added if parents[one] and here.issuperset(parents[one])}
        gitdir.write_shallow(store, gitdir.read_shallow(store) - ours)
