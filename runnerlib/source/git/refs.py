"""Resolution of a ref to a commit, from the refs that the repository advertises. Pure, no I/O.

Precedence: a full commit id; an exact `refs/...`; a branch; a tag (so `git clone --branch` decides);
`refs/<ref>` (`pull/7/head`); `origin/<branch>`; an abbreviated commit id of four digits or more.
"""

from __future__ import annotations

import re
from difflib import get_close_matches
from typing import TYPE_CHECKING, NamedTuple

from runnerlib.errors import SourceError, unknown
from runnerlib.source.git.transport import RefError

if TYPE_CHECKING:
    from collections.abc import Collection

_FORBIDDEN = re.compile(r"[\s~^:?*\[\\\x00-\x1f\x7f]|\.\.|@\{|//|/$|\.$|^/")
_BRANCH, _TAG = "refs/heads/", "refs/tags/"


class Wanted(NamedTuple):
    """Either the full name of an advertised ref ("HEAD" included) or a commit id, maybe abbreviated."""

    name: str | None = None
    commit: str | None = None


def check_ref(ref: str) -> None:
    """Raise `SourceError` when no git ref can have this text."""
    found = _FORBIDDEN.search(ref)
    if found is not None:
        raise SourceError(f"source ref {ref!r} holds {found[0]!r}, which no branch, tag or commit id may hold")


def is_id(ref: str) -> bool:
    """Tell whether `ref` is a full commit id, by SHA-1 or SHA-256."""
    return re.fullmatch("[0-9a-fA-F]{40}([0-9a-fA-F]{24})?", ref) is not None


def check_no_name(ref: str, advertised: Collection[str]) -> None:
    """Refuse a commit id that is not there while a branch or tag has it for a name: it may be meant to deceive."""
    for name in (_BRANCH + ref, _TAG + ref):
        if name in advertised:
            raise RefError(f"no commit has the id '{ref}', which is also the name '{name}'; say that to mean it")


def find(ref: str | None, advertised: Collection[str]) -> Wanted:
    """Return what `ref` means among the `advertised` full names; None means the default branch.

    Raises `SourceError` when it can mean nothing at all.
    """
    if ref is None and "HEAD" not in advertised:
        raise RefError("the repository has no default branch with a commit; name a ref")
    if ref is None or ref == "HEAD":
        return Wanted(name="HEAD")
    if is_id(ref):
        return Wanted(commit=ref.lower())
    shorter = ref.removeprefix("origin/")
    for name in (ref, _BRANCH + ref, _TAG + ref, "refs/" + ref, _BRANCH + shorter):
        if name.startswith("refs/") and name in advertised:
            return Wanted(name=name)
    if re.fullmatch("[0-9a-fA-F]{4,39}", ref):
        return Wanted(commit=ref.lower())
    raise not_found(ref, advertised)


def guess(ref: str | None) -> Wanted:
    """Guess what `ref` means without asking the remote: the default branch, a commit id, a full name, a branch."""
    if ref is None or ref == "HEAD":
        return Wanted(name="HEAD")
    if is_id(ref):
        return Wanted(commit=ref.lower())
    return Wanted(name=full_name(ref))


def full_name(ref: str) -> str:
    """Return a full name as it is, and any other as the name of a branch."""
    return ref if ref.startswith("refs/") else _BRANCH + ref


def candidates(ref: str | None) -> tuple[str, ...]:
    """The full names that `find` looks for, to ask a remote for no more."""
    if ref is None or ref == "HEAD":
        return ("HEAD",)
    shorter = ref.removeprefix("origin/")
    names = (ref, _BRANCH + ref, _TAG + ref, "refs/" + ref, _BRANCH + shorter)
    return ("HEAD", *dict.fromkeys(name for name in names if name.startswith("refs/")))


def change_refs(number: str | None) -> tuple[str, ...]:
    """Return the refs where forges keep the head of the pull or merge request `number`."""
    return (f"refs/pull/{number}/head", f"refs/merge-requests/{number}/head") if number else ()


def kept_as(name: str) -> str:
    """Return the name of a remote's ref in a checkout: tags unchanged, others below `refs/remotes/origin/`."""
    if name.startswith(_TAG):
        return name
    return "refs/remotes/origin/" + name.removeprefix(_BRANCH).removeprefix("refs/")


def not_found(ref: str, advertised: Collection[str]) -> RefError:
    """Return the error for a ref that is not there; it lists a few names, the nearest first."""
    names = sorted({_short(name) for name in advertised if name.startswith((_BRANCH, _TAG))})
    near = get_close_matches(ref, names, n=5, cutoff=0.4)
    return RefError(unknown("ref", ref, near or names[:5] or ["the repository has no branch and no tag"]))


def _short(name: str) -> str:
    """Return a branch's or tag's name without `refs/heads/` or `refs/tags/`."""
    return name.removeprefix(_BRANCH).removeprefix(_TAG)
