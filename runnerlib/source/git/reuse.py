"""Update an existing checkout at the target to another commit, instead of making a new one.

A job has had access to it, so only the packs of its git directory are trusted: configuration, hooks, index, refs and
alternates are rewritten, and every file is compared by its content. Packs are not hashed again: a user who keeps a
checkout trusts the jobs that ran in it. First everything is fetched beside the target; then the target is moved
aside, changed, and moved back: after a failure too, with its old git directory, so that nothing is lost. Paths that
cannot be changed are found before any change. A runner that is killed in between leaves no checkout.
"""

from __future__ import annotations

import os
import re
import shutil
import stat
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from runnerlib._util.files import read_regular
from runnerlib._util.safe_tree import locked_directory, open_directory, remove_tree
from runnerlib.errors import SourceError
from runnerlib.source.git import gitdir
from runnerlib.source.git.checkout import Work, bring, complete, new_store

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from runnerlib.source.git.remote import Remote

_PACK = re.compile(r"pack-[0-9a-f]{40}(?:[0-9a-f]{24})?\.(pack|idx)")
_LFS = re.compile("[0-9a-f]{64}")
_ID = re.compile("[0-9a-f]{40}(?:[0-9a-f]{24})?")
_HOLDER = ".runnerlib-"


def can_keep(target: Path) -> bool:
    """Return whether `target` is a checkout of a repository, in plain directories."""
    store = target / ".git"
    plain = not target.is_symlink() and not store.is_symlink() and store.is_dir()
    return plain and (store / "objects/pack").is_dir() and not (store / "objects/pack").is_symlink()


def update(work: Work, remote: Remote, ref: str | None, target: Path, made: Path) -> str:
    """Make `made`, which is not there yet, out of the checkout at `target`; return the commit it is at now.

    Until all objects are here the target is not touched. Raises `SourceError`.
    """
    store = made.with_name("git")
    new_store(work, remote, store)
    _take_packs(target / ".git", store)
    if work.cache is None:
        _take_lfs(target / ".git/lfs/objects", store / "lfs/objects")
    found = bring(work, remote, ref, store, fresh=False)
    modules = work.transport.links(store, found.commit, ())
    _check(target, modules)
    with _moved(target, made):
        store.rename(made / ".git")
        gitdir.detach(made / ".git", found.commit, found.ref)
        if work.options.sparse:
            work.transport.check_out(made, found.commit)
        else:
            work.transport.adopt(made, found.commit, keep_ignored=work.options.keep == "ignored")
        _empty_submodules(made, modules)
        return complete(work, remote, found, made)


@contextmanager
def _moved(target: Path, made: Path) -> Iterator[None]:
    """Move the checkout, without its git directory, to `made` and run the block; on failure move it back."""
    old = made.with_name("old-git")
    try:
        open_directory(target)
        open_directory(target / ".git")
        _move(target, made)
        (made / ".git").rename(old)
        yield
    except BaseException:
        if old.exists():
            if (made / ".git").exists():
                (made / ".git").rename(made.with_name("git"))
            old.rename(made / ".git")
        if made.exists():
            _move(made, target)
        raise


def _take_packs(old: Path, store: Path) -> None:
    """Take over packs, and the record of the commit they belong to: the next fetch then transfers only new objects."""
    for one in sorted((old / "objects/pack").iterdir()):
        if _PACK.fullmatch(one.name) and one.is_file() and not one.is_symlink():
            place = store / "objects/pack" / one.name
            try:
                os.link(one, place, follow_symlinks=False)
            except OSError:
                shutil.copyfile(one, place, follow_symlinks=False)
    ended = [line for line in _lines(old / "shallow") if _ID.fullmatch(line)]
    gitdir.write_shallow(store, ended)
    head = [line for line in _lines(old / "HEAD") if _ID.fullmatch(line)]
    if head and (not ended or head[0] in ended):
        gitdir.write_refs(store, {"refs/kept": head[0]})


def _take_lfs(old: Path, new: Path) -> None:
    """Take over files of Git LFS, which are trusted like packs; symbolic links are not followed."""
    for directory, _, names in os.walk(old if old.resolve() == old.parents[2].resolve() / ".git/lfs/objects" else ""):
        place = new / Path(directory).relative_to(old)
        for name in names:
            named = _LFS.fullmatch(name) and place.parts[-2:] == (name[:2], name[2:4])
            if named and stat.S_ISREG(os.lstat(os.path.join(directory, name)).st_mode):
                place.mkdir(parents=True, exist_ok=True)
                with suppress(OSError):  # another file system: it is fetched again
                    os.link(Path(directory, name), place / name, follow_symlinks=False)


def _lines(path: Path) -> list[str]:
    """The words of a small, untrusted text file; none if it cannot be read."""
    with suppress(OSError, UnicodeDecodeError):
        return read_regular(path, 1 << 20).decode("ascii").split()
    return []


def _move(checkout: Path, place: Path) -> None:
    """Move a checkout, or all its entries if the directory cannot be moved or the target exists."""
    if not place.exists():
        with suppress(OSError):
            checkout.rename(place)
            return
        place.mkdir()
    for entry in sorted(checkout.iterdir()):
        if not entry.name.startswith(_HOLDER):
            entry.rename(place / entry.name)
    with suppress(OSError):  # the target itself stays
        checkout.rmdir()


def _check(top: Path, modules: Iterable[str]) -> None:
    """Raise `SourceError` if something in the repository or its submodules must be replaced but cannot be removed."""
    if not (top.stat().st_uid == os.geteuid() or os.access(top, os.W_OK | os.X_OK, effective_ids=True)):
        raise SourceError(f"'{top}' belongs to another user and cannot be changed")
    for path in (".git", *modules):
        locked = locked_directory(top / path) if _is_inside(top, path) else None
        if locked is not None:
            raise SourceError(f"'{top / path / locked}' belongs to another user and cannot be changed")


def _empty_submodules(top: Path, modules: Iterable[str]) -> None:
    """Empty the directories of submodules: git does not remove a job's files there."""
    for path in modules:
        if _is_inside(top, path):
            remove_tree(top / path)
            (top / path).mkdir()


def _is_inside(top: Path, path: str) -> bool:
    """Return whether there is a directory at `path`, and no symbolic link on the way to it."""
    place = top / path
    return place.is_dir() and not place.is_symlink() and place.parent.resolve() == (top.resolve() / path).parent
