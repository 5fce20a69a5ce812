"""Bring a checkout that stands at the target to another commit, instead of making one anew.

A job had it in its hands, so nothing of its git directory is believed but its packs: configuration, hooks, index,
refs and alternates are made anew, and every file is compared by its content. Packs are not hashed again; who
keeps a checkout trusts the jobs that ran in it. First everything is fetched beside the target; then the target
moves aside, is changed, and moves back. A run that is stopped in between leaves no checkout, never half of one.
"""

from __future__ import annotations

import os
import re
import shutil
from contextlib import suppress
from typing import TYPE_CHECKING

from runnerlib.source.git import skeleton
from runnerlib.source.git.checkout import Work, bring, complete, new_store
from runnerlib.source.tree import remove_tree

if TYPE_CHECKING:
    from pathlib import Path

    from runnerlib.source.git.remote import Remote

_PACK = re.compile(r"pack-[0-9a-f]{40}\.(pack|idx)")
_ID = re.compile("[0-9a-f]{40}")
_HOLDER = ".runnerlib-"


def can_keep(target: Path) -> bool:
    """Tell whether a checkout of a repository stands at `target`, in plain directories."""
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
    found = bring(work, remote, ref, store, fresh=False)
    _move(target, made)
    remove_tree(made / ".git")
    store.rename(made / ".git")
    skeleton.detach(made / ".git", found.commit)
    if work.wish.sparse:
        work.transport.check_out(made, found.commit)
    else:
        work.transport.adopt(made, found.commit, keep_ignored=work.wish.keep == "ignored")
    _empty_submodules(work, made, found.commit)
    complete(work, remote, found.commit, made)
    return found.commit


def _take_packs(old: Path, store: Path) -> None:
    """Take over packs, and the knowledge which commit they were for: the next fetch then brings what is new."""
    for one in sorted((old / "objects/pack").iterdir()):
        if _PACK.fullmatch(one.name) and one.is_file() and not one.is_symlink():
            place = store / "objects/pack" / one.name
            try:
                os.link(one, place, follow_symlinks=False)
            except OSError:
                shutil.copyfile(one, place, follow_symlinks=False)
    ended = [line for line in _lines(old / "shallow") if _ID.fullmatch(line)]
    skeleton.write_shallow(store, ended)
    head = [line for line in _lines(old / "HEAD") if _ID.fullmatch(line)]
    if head and (not ended or head[0] in ended):
        skeleton.write_refs(store, {"refs/kept": head[0]})


def _lines(path: Path) -> list[str]:
    """The words of a small text file of somebody else's; none of one that cannot be read."""
    with suppress(OSError, UnicodeDecodeError):
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        with open(descriptor, encoding="ascii") as opened:
            return opened.read(1 << 20).split()
    return []


def _move(target: Path, made: Path) -> None:
    """Move the checkout; where the directory itself cannot be moved, all that is in it."""
    try:
        target.rename(made)
    except OSError:
        made.mkdir()
        for entry in sorted(target.iterdir()):
            if not entry.name.startswith(_HOLDER):
                entry.rename(made / entry.name)


def _empty_submodules(work: Work, top: Path, commit: str) -> None:
    """Empty the directories of submodules: git leaves alone what a job put there."""
    for path in work.transport.links(top / ".git", commit, ()):
        place = top / path
        if place.is_dir() and not place.is_symlink() and place.parent.resolve() == (top.resolve() / path).parent:
            remove_tree(place)
            place.mkdir()
