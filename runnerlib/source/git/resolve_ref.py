"""Find the commit that a ref means and fetch it into a store, by the cheapest way that works.

The order, which ends with the first that works:

1. what is in the store already, if it was named by its full id;
2. the ref, unless it is the default branch, as it most probably is meant: in one fetch, without asking for a list
   (a fresh store only);
3. the ref as the remote's list of refs says it is meant (`refs.find`);
4. the head of the pull or merge request that this job is for;
5. the whole history, for an id that the remote gives away only as part of it.
"""

from __future__ import annotations

import re
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple

from runnerlib.errors import SourceError
from runnerlib.source.git.gitdir import read_ref, read_refs, read_shallow, write_refs
from runnerlib.source.git.history import is_deep
from runnerlib.source.git.refs import Wanted, candidates, change_refs, check_no_name, find, guess, kept_as, not_found
from runnerlib.source.git.transport import INFINITE, KindError, MissingRefError, RefError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from runnerlib.source.git.remote import Remote
    from runnerlib.source.git.transport import Listing, Transport

WANTED = "refs/runnerlib/wanted"
_EVERYTHING = ("+refs/heads/*:refs/heads/*", "+refs/tags/*:refs/tags/*")
_LONG_ENOUGH = 7  # digits of an id that are compared with the heads of branches before all history is fetched


class Found(NamedTuple):
    """The commit, the refs that belong into a checkout (full name → id), and the target of `origin/HEAD`.

    `ref` is the full name that the remote has for what was asked for; None for a commit id.
    """

    commit: str
    refs: Mapping[str, str]
    default: str | None = None
    ref: str | None = None


class Search:
    """One search for one ref of one remote.

    `fresh`: nothing is in the store yet. `complete`: history in the store never ends early, and must not be
    made to. `change` is the number of the pull or merge request that the job is for. `local` is the list of
    refs of a remote whose objects have all been copied into the store: nothing is fetched then. `forget` is
    called with the remote's list before everything is fetched, to remove refs of the store that are in the way.
    """

    def __init__(
        self,
        transport: Transport,
        remote: Remote,
        store: Path,
        *,
        fresh: bool,
        complete: bool = False,
        change: str | None = None,
        local: Listing | None = None,
        forget: Callable[[Listing], None] = lambda _: None,
    ) -> None:
        self._transport = transport
        self._remote = remote
        self._store = store
        self._fresh = fresh
        self.complete = complete
        self._change = change
        self._local = local
        self._forget = forget
        self._ref: str | None = None
        self.fetched = False

    def bring(self, ref: str | None, depth: int) -> Found:
        """Bring `depth` commits of `ref` into the store, 0: everything. Raises `SourceError`."""
        self._ref = ref
        if not depth:
            return self._bring_all(ref)
        first = guess(ref)
        if first.commit is not None:
            known = self._has(first.commit, depth)
            return self._found(first.commit, None, None) if known else self._bring_hidden(first.commit, ref, depth)
        if self._fresh and first.name != "HEAD":  # whose name only the list tells
            with suppress(MissingRefError):
                return self._fetch(first, depth)
        return self._bring_listed(ref, depth)

    def _bring_listed(self, ref: str | None, depth: int) -> Found:
        """Fetch the ref that `ref` means by the remote's list."""
        listing = self._list(candidates(ref))
        if (
            ref is not None
            and re.fullmatch("[0-9a-fA-F]{4,39}", ref)
            and not set(candidates(ref)[1:]) & set(listing.refs)
        ):
            return self._bring_short(ref, depth)
        try:
            wanted = find(ref, _names(listing))
        except SourceError as error:
            return self._bring_change(error, depth)
        oid = listing.refs[wanted.name or ""]
        if self._has(oid, depth):
            return self._found(oid, wanted.name, listing)
        return self._fetch(wanted, depth, listing)

    def _bring_short(self, short: str, depth: int) -> Found:
        """Bring an abbreviated id: the head of a branch or tag, if there is one; else only all history tells."""
        listing = self._list(())
        heads = {oid for oid in listing.refs.values() if oid.startswith(short.lower())}
        if len(heads) == 1 and len(short) >= _LONG_ENOUGH:
            return self._bring_hidden(heads.pop(), short, depth)
        known = None if self._fresh else self._resolve(short.lower())
        if known is not None and len(short) >= _LONG_ENOUGH and self._has(known, depth):
            return self._found(known, None, None)
        self._fetch_everything(listing)
        return self._resolved(short, short.lower(), listing)

    def _bring_hidden(self, commit: str, ref: str | None, depth: int) -> Found:
        """Bring a commit by its full id, however the remote lets us have it."""
        with suppress(SourceError):  # for any reason: servers just hang up, or send an invalid answer
            return self._fetch(Wanted(commit=commit), depth)
        for name in change_refs(self._change):
            try:
                self._fetch(Wanted(name=name), depth)
            except MissingRefError:
                continue
            if self._has(commit, depth):
                return self._found(commit, None, None)
        listing = self._list(())
        self._fetch_everything(listing)
        if self._resolve(commit) is None:
            check_no_name(ref or commit, listing.refs)
        return self._resolved(ref or commit, commit, listing)

    def _bring_change(self, unknown: SourceError, depth: int) -> Found:
        """Bring the change that the job is for, when its ref is not there under its name."""
        for name in change_refs(self._change):
            try:
                return self._fetch(Wanted(name=name), depth)
            except MissingRefError:
                continue
        if self._ref is None or self._local is not None:
            raise unknown
        raise not_found(self._ref, _names(self._list(())))

    def _bring_all(self, ref: str | None) -> Found:
        """Fetch all branches and tags, and further refs that `ref` needs."""
        listing = self._list(())
        names = _names(listing)
        try:
            wanted = find(ref, names)
        except SourceError:
            known = [name for name in change_refs(self._change) if name in names]
            if not known:
                raise
            wanted = Wanted(name=known[0])
        self._fetch_everything(listing, wanted)
        if wanted.commit is None or self._resolve(wanted.commit):
            oid = wanted.commit or self._fetched_id(wanted, listing)
            return self._resolved(ref or "HEAD", oid, listing, everything=True, name=wanted.name)
        try:
            self._fetch_one(wanted.commit, 0)
        except MissingRefError:
            check_no_name(ref or wanted.commit, names)
            raise not_found(ref or wanted.commit, names) from None
        return self._resolved(ref or "HEAD", wanted.commit, listing, everything=True)

    def _fetched_id(self, wanted: Wanted, listing: Listing) -> str:
        """The id of a ref as it was fetched, a moment after it was listed."""
        name = (listing.default if wanted.name == "HEAD" else wanted.name) or WANTED
        refs = read_refs(self._store)
        return refs.get(name if name in refs else WANTED) or listing.refs[wanted.name or ""]

    def _fetch_everything(self, listing: Listing, wanted: Wanted | None = None) -> None:
        """Fetch all branches and tags, in full, and one more ref if it is neither."""
        specs = list(_EVERYTHING)
        name = wanted.name if wanted is not None else None
        if name and not name.startswith(("refs/heads/", "refs/tags/")) and (name != "HEAD" or not listing.default):
            specs.append(f"+{name}:{WANTED}")
        self._forget(listing)
        if self._local is not None:
            write_refs(self._store, {name: oid for name, oid in listing.refs.items() if name.startswith("refs/")})
            return
        self.fetched = True
        shallow = bool(read_shallow(self._store))
        self._transport.fetch(self._store, self._remote, specs, INFINITE if shallow else 0)
        self.complete = True

    def _fetch(self, wanted: Wanted, depth: int, listing: Listing | None = None) -> Found:
        """Fetch one ref or commit, `depth` commits deep."""
        self._fetch_one(wanted.name or wanted.commit or "HEAD", 0 if self.complete else depth)
        return self._found(read_ref(self._store, WANTED), wanted.name, listing)

    def _fetch_one(self, source: str, depth: int) -> None:
        """Fetch one ref or commit and write it to `WANTED`."""
        if self._local is not None:
            raise MissingRefError(f"'{self._remote.shown}' has no '{source}'")
        self.fetched = True
        self._transport.fetch(self._store, self._remote, [f"+{source}:{WANTED}"], depth)

    def _list(self, names: tuple[str, ...]) -> Listing:
        """List the refs that the remote advertises; those of a local repository are known already."""
        return self._local or self._transport.list_refs(self._remote, names)

    def _resolve(self, oid: str) -> str | None:
        """The commit of an id in the store, None when it is not there."""
        try:
            return self._transport.resolve(self._store, oid)
        except KindError as error:
            raise RefError(f"ref '{self._ref or oid}' is {error}") from None

    def _has(self, oid: str, depth: int) -> bool:
        """Return whether the store holds the commit of `oid` to that depth."""
        commit = None if self._fresh and not self.fetched else self._resolve(oid)
        if commit is None:
            return False
        return depth == 1 or is_deep(
            commit, depth, read_shallow(self._store), lambda some: self._transport.parents(self._store, some)
        )

    def _found(self, oid: str, name: str | None, listing: Listing | None) -> Found:
        """Resolve the object id `oid`, and return the commit with the one ref that leads there."""
        commit = self._resolve(oid)
        if commit is None:
            raise SourceError(f"ref '{name or oid}' is at {oid}, which the repository lacks")
        default = listing.default if listing is not None else None
        shown = default if name == "HEAD" else name
        refs = {kept_as(shown): oid} if shown else {}
        return Found(commit, refs, kept_as(default) if default else None, shown)

    def _resolved(
        self, ref: str, text: str, listing: Listing, *, everything: bool = False, name: str | None = None
    ) -> Found:
        """Resolve the id `text` after all history was fetched."""
        commit = self._resolve(text)
        if commit is None:
            raise not_found(ref, _names(listing))
        if not everything:
            return Found(commit, {})
        present = read_refs(self._store)
        refs = {kept_as(key): present[key] for key in _names(listing) if key in present}
        if name and name != "HEAD":
            refs.setdefault(kept_as(name), text)
        asked = listing.default if name == "HEAD" else name
        return Found(commit, refs, kept_as(listing.default) if listing.default else None, asked)


def _names(listing: Listing) -> list[str]:
    """The full names of a list, without the lines that peel tags."""
    return [name for name in listing.refs if not name.endswith("^{}")]
