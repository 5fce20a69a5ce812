"""The mirror of one repository: its objects, fetched once for all checkouts of this machine.

It fetches the commits that checkouts need: single ones, until one needs the whole history; from then on it is
complete and stays so. A checkout gets copies of its packs, never links to them or alternates: a job may write to
its checkout, and the checkout must outlive the cache. `mirror.json` lists the required content; a mirror that
lacks it, or in which anything fails, is removed and fetched again.
"""

from __future__ import annotations

import os
from contextlib import suppress
from typing import TYPE_CHECKING

from runnerlib._util.safe_tree import remove_tree
from runnerlib.source.git import gitdir
from runnerlib.source.git.local import take_objects
from runnerlib.source.git.resolve_ref import WANTED, Found, Search

if TYPE_CHECKING:
    from runnerlib.source.git.cache import Entry
    from runnerlib.source.git.remote import Remote
    from runnerlib.source.git.transport import Listing, Transport
    from runnerlib.source.spec import Report

_MOST_PACKS = 50
_MOST_KEPT = 200
_KEPT = "refs/kept/"


class Mirror:
    """The mirror in `entry`, which the caller holds the lock of."""

    def __init__(
        self, entry: Entry, transport: Transport, remote: Remote, report: Report, *, sha256: bool = False
    ) -> None:
        self.store = entry.mirror
        self._state = entry.place / "mirror.json"
        self._transport = transport
        self._remote = remote
        self._report = report
        self._sha256 = sha256
        self.knew = False

    def bring(self, ref: str | None, depth: int, change: str | None) -> Found:
        """Fetch `depth` commits of `ref` into the mirror, 0: everything; only missing objects are fetched.

        `knew` tells afterwards whether that commit was asked for before.
        """
        complete = self._ready()
        listing = None
        if self._remote.url is None:
            listing = self._transport.list_refs(self._remote)
            if not take_objects(self._remote, self.store):
                listing = None
        search = Search(
            self._transport,
            self._remote,
            self.store,
            fresh=False,
            complete=complete,
            change=change,
            local=listing,
            forget=self._forget,
        )
        found = search.bring(ref, depth)
        self.knew = (self.store / _KEPT / found.commit).exists()
        if search.fetched or listing is not None:
            self._keep(found.commit)
            self._note(complete or not depth or listing is not None)
        return found

    def _ready(self) -> bool:
        """Make sure that the mirror is whole, empty if need be; tell whether its history is complete."""
        state = self._read()
        if self.store.exists() and (state is None or not self._is_whole(state)):
            self._report("the mirror in the cache is damaged or was left half made; it is fetched anew")
            remove_tree(self.store)
            state = None
        if not self.store.exists():
            gitdir.make(self.store, bare=True, sha256=self._sha256)
            self._note(complete=False)
            state = {"complete": False}
        self._clear()
        complete = bool(state and state["complete"])
        if sum(name.endswith(".pack") for name in self._packs()) > _MOST_PACKS:
            complete = self._tidy(complete)
        return complete

    def _read(self) -> dict[str, object] | None:
        import json

        with suppress(OSError, ValueError):
            state = json.loads(self._state.read_text())
            if isinstance(state, dict) and isinstance(state.get("packs"), dict) and "complete" in state:
                return state
        return None

    def _is_whole(self, state: dict[str, object]) -> bool:
        """Tell whether every pack that was noted is as it was."""
        packs = state["packs"]
        assert isinstance(packs, dict)  # noqa: S101 - `_read` has looked
        present = self._packs()
        head = self.store / "HEAD"
        return head.is_file() and all(present.get(name) == tuple(known) for name, known in packs.items())

    def _packs(self) -> dict[str, tuple[int, int]]:
        """Name → size and time of each file in the store's pack directory that is part of a pack."""
        found = {}
        with suppress(FileNotFoundError), os.scandir(self.store / "objects/pack") as entries:
            for one in entries:
                if one.name.startswith("pack-") and one.name.endswith((".pack", ".idx")):
                    status = one.stat(follow_symlinks=False)
                    found[one.name] = (status.st_size, status.st_mtime_ns)
        return found

    def _clear(self) -> None:
        """Remove the remains of processes that were killed while they held the lock."""
        for directory, _, names in os.walk(self.store):
            for name in names:
                if name.endswith((".lock", ".new")) or name.startswith("tmp_"):
                    os.unlink(os.path.join(directory, name))
        present = self._packs()
        for name in present:
            base, _, end = name.rpartition(".")
            other = f"{base}.{'idx' if end == 'pack' else 'pack'}"
            if other not in present:
                (self.store / "objects/pack" / name).unlink()
        (self.store / WANTED).unlink(missing_ok=True)

    def _forget(self, listing: Listing) -> None:
        """Remove refs that the remote no longer has: a new one may need their place in the tree of names."""
        refs = gitdir.read_refs(self.store)
        kept = {name: oid for name, oid in refs.items() if name in listing.refs or name.startswith(_KEPT)}
        if kept != refs:
            gitdir.write_refs(self.store, kept)

    def _keep(self, commit: str) -> None:
        """Remember a commit, so that the next fetch tells the remote that it is here."""
        place = self.store / _KEPT
        place.mkdir(exist_ok=True)
        (place / commit).write_text(f"{commit}\n")
        kept = sorted(place.iterdir(), key=lambda path: path.stat().st_mtime_ns)
        for path in kept[:-_MOST_KEPT]:
            path.unlink()

    def _tidy(self, complete: bool) -> bool:
        """Make one pack of many, since each checkout copies all; tell whether history is still complete."""
        self._report("the mirror in the cache has become many small packs; they are made one")
        if not self._transport.repack(self.store):
            remove_tree(self.store)
            gitdir.make(self.store, bare=True, sha256=self._sha256)
            complete = False
        self._note(complete)
        return complete

    def _note(self, complete: bool) -> None:
        """Record the content that the mirror must have from now on."""
        import json

        text = json.dumps({"complete": complete, "packs": self._packs()})
        aside = self._state.with_suffix(".new")
        aside.write_text(text)
        aside.replace(self._state)
