"""Plan of a checkout, chosen from facts. Pure: `Facts` holds everything that the choice depends on."""

from __future__ import annotations

from typing import NamedTuple

from runnerlib.errors import SourceError

OLDEST = (2, 31)
"""The first git that is used: what is older lacks options that keep a checkout safe."""

LARGE = 1 << 30
"""Bytes of objects above which a single commit is cheaper to pack than the whole store is to copy."""


class Facts(NamedTuple):
    """Facts that a plan is chosen from.

    `git` is the version of the git program, None when there is none; `local`: the source is a path; `cached`: there
    is a cache; `stored` are the bytes of objects in the path; `bundle`: it is a file that git has bundled; `kept`:
    there is a checkout at the target that is to be reused; `needs` says what only the git program can do; `depth` is
    an option of the user.
    """

    git: tuple[int, ...] | None
    local: bool
    cached: bool
    depth: int
    stored: int = 0
    needs: str = ""
    kept: bool = False
    bundle: bool = False


class Plan(NamedTuple):
    """Plan of a checkout.

    `transport` is `git` or `libgit2`. `objects` is their origin: `fetch` from the remote, `copy` from a path on this
    machine, or `mirror`: a copy of those in the mirror, which fetches the missing ones. `keep`: the checkout at the
    target is updated to the commit instead of being made anew.
    """

    transport: str
    objects: str
    reason: str
    keep: bool = False


def choose(facts: Facts) -> Plan:
    """Choose the plan for `facts`.

    Raises `SourceError` when an option needs a git program and there is none. Git is preferred wherever it is
    installed: with a warm mirror neither is clearly faster, and git can do more (protocol 2, LFS, sparse trees, the
    machine's credential helpers).
    """
    usable = facts.git is not None and facts.git[:2] >= OLDEST
    if facts.needs and not usable:
        raise SourceError(f"{facts.needs} the git program: {_why_not(facts.git)}")
    engine = f"git {'.'.join(map(str, facts.git or ()))}" if usable else f"libgit2 ({_why_not(facts.git)})"
    objects, why = _objects(facts if usable else facts._replace(kept=False))
    if facts.kept and not usable:
        why += "; the checkout that stands there is replaced, since only the git program could keep it"
    return Plan("git" if usable else "libgit2", objects, f"{engine}; {why}", facts.kept and usable)


def _why_not(git: tuple[int, ...] | None) -> str:
    if git is None:
        return "git is not installed"
    return f"git {'.'.join(map(str, git))} is older than {'.'.join(map(str, OLDEST))}"


def _objects(facts: Facts) -> tuple[str, str]:
    """Choose the origin of objects, and give the reason."""
    history = "the whole history was asked for" if not facts.depth else _commits(facts.depth)
    if facts.kept and not facts.local:
        return "fetch", f"{history}, fetched into the checkout that is kept"
    if facts.cached and not facts.kept:
        return "mirror", f"{history}, from the mirror in the cache, which fetches what it lacks"
    if facts.bundle:
        return "fetch", f"{history}, from a bundle"
    if facts.local and (not facts.depth or facts.stored <= LARGE):
        return "copy", f"{history}, from objects that are copied: the repository is on this machine"
    if facts.local:
        return "fetch", f"{history}, packed by the repository on this machine, which is too large to copy"
    return "fetch", f"{history}, fetched without a cache"


def _commits(depth: int) -> str:
    return "only the wanted commit" if depth == 1 else f"{depth} commits deep"


def tree_reason(exact: bool, near: str | None) -> str:
    """Explain to the user what the work tree is made from."""
    if exact:
        return "the work tree is a copy of one in the cache, at this commit"
    if near is not None:
        return f"the work tree is a copy of one in the cache, brought here from {near[:12]}"
    return "the work tree is written from the objects"
