"""Make a checkout in a new directory: objects, refs, work tree; from the remote or through the cache."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, NamedTuple

from runnerlib._util.safe_tree import remove_tree
from runnerlib._util.threads import together
from runnerlib.errors import SourceError
from runnerlib.source.git import additions, cache, gitdir, upstream
from runnerlib.source.git.compare_base import Comparison, Reach
from runnerlib.source.git.history import boundary
from runnerlib.source.git.lfs import place_files
from runnerlib.source.git.local import empty_objects, is_partial, take_objects
from runnerlib.source.git.mirror import Mirror
from runnerlib.source.git.objects import copy_objects
from runnerlib.source.git.plan import tree_reason
from runnerlib.source.git.resolve_ref import Found, Search
from runnerlib.source.git.submodule import DEEPEST, place_submodules
from runnerlib.source.git.transport import FormatError, NetworkError, RefError
from runnerlib.source.git.tree_cache import Trees
from runnerlib.source.spec import still_wanted

if TYPE_CHECKING:
    from pathlib import Path

    from runnerlib.source.git.options import GitOptions
    from runnerlib.source.git.plan import Plan
    from runnerlib.source.git.remote import Remote
    from runnerlib.source.git.transport import Transport
    from runnerlib.source.spec import Cache, Report


NOTHING = Comparison()


class Work(NamedTuple):
    """Parameters of a checkout, the same for a repository and its submodules.

    `change` is the number of the pull or merge request that the job is for, `compared` the base that its source is
    compared with. `sha256`: objects are named by that instead of SHA-1.
    """

    transport: Transport
    options: GitOptions
    plan: Plan
    cache: Cache | None
    report: Report
    change: str | None = None
    compared: Comparison = NOTHING
    sha256: bool = False


def make(work: Work, remote: Remote, ref: str | None, top: Path, levels: int = DEEPEST) -> str:
    """Check out `ref` of `remote`, detached, in `top`, which is not there yet; return the full commit id.

    Raises `SourceError`; `top` may be half made then.
    """
    if work.cache is not None and work.plan.objects == "mirror":
        found = _through_cache(work, remote, ref, top, work.cache)
    else:
        found = _directly(work, remote, ref, top)
    return complete(work, remote, found, top, levels)


def complete(work: Work, remote: Remote, found: Found, top: Path, levels: int = DEEPEST) -> str:
    """Add what options ask for: a base of comparison, a merge, files of Git LFS, submodules; return the commit."""
    commit = found.commit
    _check_commit(top, commit)
    _check_sparse(work, top, commit)
    compared, store = work.compared, top / ".git"
    if compared.base is not None and not upstream.added(compared.base, remote, store, work.report):
        compared = compared._replace(base=None)
    if compared != NOTHING:
        Reach(work.transport, remote, store, found, work.report).bring(compared)
    if work.options.merge is not None:
        commit = _merge(work, remote, found, top)
    by_git = work.plan.transport == "git"
    place_files(top, remote, work.options.lfs, work.transport, work.report, work.cache, by_git=by_git)
    if work.options.submodules != "none":
        _add_submodules(work, remote, commit, top, levels)
    additions.add_refs(work.transport, remote, store, work.options, work.report)
    additions.settle(store, commit, found.ref, work.options, work.report)
    return commit


def _merge(work: Work, remote: Remote, found: Found, top: Path) -> str:
    """Bring the checkout to the merge with the target; return the commit it is at then."""
    merged = additions.merge(work.transport, remote, top / ".git", found, work.options, work.report)
    if merged is None:
        return found.commit
    work.transport.check_out(top, merged)
    gitdir.detach(top / ".git", merged, found.ref)
    return merged


def _add_submodules(work: Work, remote: Remote, commit: str, top: Path, levels: int) -> None:
    """Check out the submodules, as shallow as the options say; what else they say is about the repository itself."""
    options = work.options
    deeper = work._replace(
        options=options._replace(
            depth=options.depth if options.submodule_depth is None else options.submodule_depth,
            submodules="recursive" if options.submodules == "recursive" else "none",
            sparse=(),
            tags="auto",
            keep_files=(),
            fetch=(),
            branch=False,
            merge=None,
            submodule_paths=(),
        ),
        change=None,
        compared=NOTHING,
    )

    def module(found: Remote, wanted: str, place: Path) -> None:
        work.report(f"cloning submodule '{found.shown}'")
        got = make(deeper, found, wanted, place, levels - 1)
        if got != wanted:
            raise SourceError(f"submodule '{found.shown}' is at {got}, not at {wanted}")

    place_submodules(top, commit, remote, work.transport, module, levels, work.report, options)


def _check_commit(top: Path, commit: str) -> None:
    """Verify that HEAD is the requested commit; reading its tree has checked the rest."""
    found = (top / ".git/HEAD").read_text().strip()
    if found != commit:
        raise SourceError(f"HEAD of the checkout is at '{found}', not at {commit}")


def _check_sparse(work: Work, top: Path, commit: str) -> None:
    """Refuse a sparse checkout of nothing, which would pass for an empty repository; tell what is not there."""
    asked = work.options.sparse
    there = [path for path in asked if os.path.lexists(top / path)] if work.options.cone else asked
    if asked and (not there or all(entry.name == ".git" for entry in top.iterdir())):
        raise SourceError(f"option 'sparse' matches nothing in commit {commit}: {', '.join(asked)}")
    for path in asked:
        if work.options.cone and os.path.isfile(top / path):
            raise SourceError(f"option 'sparse' is '{path}', a file; sparse=/{path},cone=no writes a single one")
    for path in set(asked) - set(there):
        work.report(f"the commit has no directory '{path}' (option sparse)")


def new_store(work: Work, remote: Remote, store: Path, *, copied: bool = False) -> None:
    """Make the git directory of a checkout; `copied`: its work tree and index are copies."""
    cone = str(work.options.cone).lower()
    settings = ["sparseCheckout = true", f"sparseCheckoutCone = {cone}"] if work.options.sparse else []
    # In a copy every file has a new inode and change time, which say nothing about its content.
    settings += ["checkStat = minimal", "trustctime = false"] if copied else []
    gitdir.make(store, bare=False, url=remote.address, settings=settings, sha256=work.sha256)
    if work.options.sparse:
        gitdir.write_sparse(store, work.options.sparse, cone=work.options.cone)


def _directly(work: Work, remote: Remote, ref: str | None, top: Path) -> Found:
    """Fetch or copy into the checkout itself."""
    store = top / ".git"
    new_store(work, remote, store)
    found = bring(work, remote, ref, store)
    gitdir.detach(store, found.commit, found.ref)
    _check_out(work, remote, top, found.commit)
    return found


def _check_out(work: Work, remote: Remote, top: Path, commit: str) -> None:
    """Write the work tree. A partial clone on this machine may lack what that takes, and is not asked to fetch it."""
    try:
        work.transport.check_out(top, commit)
    except SourceError:
        if not is_partial(remote):
            raise
        raise RefError(f"'{remote.shown}' is a partial clone and lacks files of {commit}; fetch them there") from None


def bring(work: Work, remote: Remote, ref: str | None, store: Path, *, fresh: bool = True) -> Found:
    """Bring the objects, refs and the end of history into the store of a checkout."""
    local = None
    if work.plan.objects == "copy":
        local = work.transport.list_refs(remote)
        if not take_objects(remote, store):
            empty_objects(store)
            local = None
    copied = local is not None
    search = Search(
        work.transport, remote, store, fresh=fresh and not copied, complete=copied, change=work.change, local=local
    )
    found = search.bring(ref, work.options.depth)
    _end_history(work, store, found, whole=remote.url is None or not fresh or search.complete)
    gitdir.write_refs(store, found.refs, found.default)
    return found


def _end_history(work: Work, store: Path, found: Found, *, whole: bool) -> None:
    """Cut the history off at the requested depth, if the store has more and there is no base of comparison."""
    if work.options.depth and whole and work.compared == NOTHING:
        ended = gitdir.read_shallow(store)
        parents = lambda some: work.transport.parents(store, some)  # noqa: E731 - one expression, used once
        gitdir.write_shallow(store, boundary(found.commit, work.options.depth, ended, parents))


def _through_cache(work: Work, remote: Remote, ref: str | None, top: Path, kept: Cache) -> Found:
    """Make the checkout from the mirror and the trees in the cache; without them if an entry is damaged."""
    place = cache.entry(kept, f"{remote.address}#sha256" if work.sha256 else remote.address)
    for attempt in range(2):
        with place.locked(work.report):
            try:
                found = _from_entry(work, remote, ref, top, place)
                break
            except (RefError, NetworkError, FormatError):
                raise
            except (SourceError, OSError) as error:
                remove_tree(top)
                if attempt or not place.used:
                    raise
                work.report(f"the cache could not be used ({error}); it is made anew")
                place.discard()
    for name in cache.prune(kept, time.time()):
        work.report(f"removed '{name}' from the cache")
    return found


def _from_entry(work: Work, remote: Remote, ref: str | None, top: Path, place: cache.Entry) -> Found:
    """Make the checkout from one locked entry of the cache."""
    variant = work.options.sparse if work.options.cone else (*work.options.sparse, "cone=no")
    trees = Trees(place.trees, variant, lambda: still_wanted(work.report))
    trees.prune()
    mirror = Mirror(place, work.transport, remote, work.report, sha256=work.sha256)
    found = mirror.bring(ref, work.options.depth, work.change)
    place.share()
    store = top / ".git"
    (store / "objects").mkdir(parents=True)
    at, whole = together(
        lambda: trees.take(found.commit, top),
        lambda check: copy_objects(mirror.store / "objects", store / "objects", check),
    )
    if not whole:
        raise SourceError("the objects of the mirror cannot be copied")
    new_store(work, remote, store, copied=at is not None)
    gitdir.write_shallow(store, gitdir.read_shallow(mirror.store))
    _end_history(work, store, found, whole=True)
    gitdir.write_refs(store, found.refs, found.default)
    near = at if at != found.commit else None
    work.report(tree_reason(exact=at == found.commit, near=near))
    if at != found.commit:
        gitdir.detach(store, at or found.commit)  # libgit2 takes the difference to HEAD
        _check_out(work, remote, top, found.commit)
    gitdir.detach(store, found.commit, found.ref)
    # A copy costs as much as the checkout did: it pays for a commit that several jobs want.
    if at is None or (at != found.commit and mirror.knew):
        _remember(work, trees, found.commit, top)
    return found


def _remember(work: Work, trees: Trees, commit: str, top: Path) -> None:
    """Store the tree for the next checkout; that this cannot be done is no reason to fail."""
    try:
        trees.store(commit, top)
    except OSError as error:
        work.report(f"the work tree is not kept in the cache: {(error.strerror or str(error)).lower()}")
