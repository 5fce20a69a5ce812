"""The caches of a job: restored when its workspace is prepared, and saved after it has succeeded.

A cache never makes a job fail: what cannot be restored or saved is told, and the job goes on without.
"""

from __future__ import annotations

import json
import os
import time
from typing import TYPE_CHECKING, NamedTuple

from runnerlib._util.files import explain
from runnerlib.errors import RunnerError, printable
from runnerlib.pipeline.template import Facts, filled
from runnerlib.runner import condition_context
from runnerlib.runner.cache.content import Place, forget_asides, pack_paths, unpack_entry
from runnerlib.runner.cache.digest import of_contents
from runnerlib.runner.cache.scope import is_foreign, scope_of
from runnerlib.runner.cache.store import Draft, Store, name_of
from runnerlib.runner.checkouts import cache_directory

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from runnerlib.masking import SecretMasker
    from runnerlib.pipeline.job.cache import Cache
    from runnerlib.runner.plan import JobPlan


def _nothing() -> None:
    """Let the work go on."""


def _unmeasured(_result: str, _key: str, _started: float, _size: int) -> None:
    """Take no figures."""


class Voice(NamedTuple):
    """Takers of lines about caches: of notices, and of warnings. `check` raises when the work must end.

    `cached` takes what became of a cache (hit, miss or saved), its key, the time when that began, and its bytes.
    """

    notice: Callable[[str], None]
    warn: Callable[[str], None]
    check: Callable[[], None] = _nothing
    cached: Callable[[str, str, float, int], None] = _unmeasured


class Shelves:
    """The store as one job sees it: its scope, and the facts that keys name, as they are before its steps run."""

    def __init__(self, plan: JobPlan, masker: SecretMasker, warn: Callable[[str], None]) -> None:
        self._plan = plan
        self._mask = masker.mask_string
        about = condition_context.repository_of(plan)
        found = condition_context.surroundings(plan.env, plan.job.name, about, warn)
        system = os.uname()
        self._names = {**found.variables(), "os": system.sysname.lower(), "arch": system.machine}
        self.scope = scope_of(plan, self._names, foreign=is_foreign(plan))
        self.store = self._opened(warn)

    def place(self, directory: Path) -> Place:
        """Return the place for files below a directory."""
        placement = self._plan.placement
        return Place(directory, self._plan.workspace.base, None if placement is None else placement.limits.hand_over)

    def shelf(self, *parts: str) -> str:
        """Return the shelf for entries of one kind, in the scope of the job."""
        return name_of(json.dumps([self.scope, *parts]))

    def key(self, text: str, directory: Path, env: Mapping[str, str], voice: Voice) -> str | None:
        """Return a key with its facts; None for one that holds a secret. Raises RunnerError and OSError."""

        def checksum(globs: Sequence[str]) -> str:
            digest = of_contents(directory, globs, voice.check)
            for glob in digest.missing:
                voice.warn(f"cache: checksum: no file matches '{printable(glob)}'")
            return digest.text

        key = filled(text, Facts(self._names, env, checksum))
        if self._mask(key) != key:
            voice.warn(f"cache '{text}': its key would hold a secret, so it is neither restored nor saved")
            return None
        return key

    def _opened(self, warn: Callable[[str], None]) -> Store | None:
        config = self._plan.config
        directory = cache_directory(config, self._plan.environ, self._plan.workspace)
        if directory is None:
            if config.cache_dir != "none":
                warn("there is no directory for caches (--cache-dir names one), so nothing is restored or saved")
            return None
        store = Store(directory, config.cache_size, config.cache_age)
        if (why := store.why_not()) is not None:
            warn(f"caches are not used: {why}")
            return None
        return store


class Keyed(NamedTuple):
    """A cache with its keys, as its job or step began."""

    key: str
    prefixes: tuple[str, ...]
    paths: tuple[str, ...]


class CacheSet:
    """The caches of a job or of one step, to be restored and then saved."""

    def __init__(self, shelves: Shelves, caches: Sequence[Cache], directory: Path, env: Mapping[str, str]) -> None:
        self._shelves = shelves
        self._caches = caches
        self._place = shelves.place(directory)
        self._env = env
        self._keyed: list[Keyed] = []

    def restore(self, voice: Voice) -> None:
        """Restore what there is. Raises what `voice.check` raises."""
        store = self._shelves.store
        for cache in self._caches if store is not None else ():
            try:
                keyed = self._with_keys(cache, voice)
                if keyed is not None:
                    self._keyed.append(keyed)
                    self._restore(keyed, voice)
            except OSError as error:
                voice.warn(f"cache '{cache.key}': it cannot be restored: {_why(error)}")
            except RunnerError as error:
                voice.check()
                voice.warn(f"cache '{cache.key}': it cannot be restored: {error}")

    def save(self, voice: Voice) -> None:
        """Save what no entry has yet. Raises what `voice.check` raises."""
        for keyed in self._keyed:
            try:
                self._save(keyed, voice)
            except OSError as error:
                voice.warn(f"cache '{keyed.key}': it is not saved: {_why(error)}")
            except RunnerError as error:
                voice.check()
                voice.warn(f"cache '{keyed.key}': it is not saved: {error}")

    def _with_keys(self, cache: Cache, voice: Voice) -> Keyed | None:
        directory = self._place.directory
        keys = [self._shelves.key(text, directory, self._env, voice) for text in (cache.key, *cache.restore_keys)]
        if None in keys:
            return None
        key, *prefixes = keys
        if not key:
            voice.warn(f"cache '{cache.key}': its key is empty here, so it is neither restored nor saved")
            return None
        return Keyed(key, tuple(filter(None, prefixes)), tuple(cache.paths))

    def _restore(self, keyed: Keyed, voice: Voice) -> None:
        store, shelf = self._shelves.store, self._shelves.shelf("cache", *keyed.paths)
        assert store is not None  # noqa: S101 - `restore` has seen to it
        began = time.time()
        for prefix in ("", *keyed.prefixes):
            key = store.newest(shelf, prefix) if prefix else keyed.key
            with store.held(shelf, key or "") as entry:
                if entry is None:
                    continue
                left = unpack_entry(entry, self._place, voice.check)
                if left is None:
                    voice.warn(f"cache '{key}': its entry was damaged, and is removed")
                    store.discard(entry)
                    continue
                voice.notice(f"cache '{keyed.key}': {_restored(keyed.key, key or '', left)}")
                voice.cached("hit", keyed.key, began, Draft(*entry).size())
                return
        voice.notice(f"cache '{keyed.key}': there is no entry yet")
        voice.cached("miss", keyed.key, began, 0)

    def _save(self, keyed: Keyed, voice: Voice) -> None:
        store, shelf = self._shelves.store, self._shelves.shelf("cache", *keyed.paths)
        assert store is not None  # noqa: S101 - nothing has keys without one
        began = time.time()
        with store.held(shelf, keyed.key) as entry:
            if entry is not None:
                return
        with store.making(shelf, keyed.key) as draft:
            notes = pack_paths(self._place.directory, keyed.paths, draft.place, draft.meta, voice.check)
            for note in notes:
                voice.warn(f"cache '{keyed.key}': {note}")
            size = draft.size()
            if size > store.size:
                raise RunnerError(
                    f"it has {size:,} bytes, and all caches together {store.size:,} at most (--cache-size)"
                )
            if not draft.meta["items"]:
                raise RunnerError("none of its paths names anything")
        voice.notice(f"cache '{keyed.key}': saved, {size:,} bytes")
        voice.cached("saved", keyed.key, began, size)
        store.prune()


def restored(plan: JobPlan, masker: SecretMasker, voice: Voice) -> CacheSet:
    """Restore the caches of a job into its prepared workspace; return them, to be saved after it."""
    forget_asides(plan.workspace.base)
    found = CacheSet(Shelves(plan, masker, voice.warn), plan.job.cache, plan.job_dir, plan.env)
    found.restore(voice)
    return found


def _restored(key: str, found: str, left: Sequence[str]) -> str:
    summary = "restored" if found == key else f"restored from '{found}'"
    if not left:
        return summary
    more = f" and {len(left) - 1:,} more" if len(left) > 1 else ""
    return f"{summary}, but '{printable(left[0])}'{more} {'are' if more else 'is'} there already and stays as it is"


def _why(error: OSError) -> str:
    where = f"'{printable(os.fsdecode(error.filename))}': " if error.filename else ""
    return f"{where}{explain(error).lower()}"
