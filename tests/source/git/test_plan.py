"""The plan is pure: every reason, without a repository."""

from __future__ import annotations

import pytest

from runnerlib.errors import SourceError
from runnerlib.source.git.plan import LARGE, Facts, choose, tree_reason

REMOTE = Facts(git=(2, 39, 5), local=False, cached=False, depth=1)

PLANS = {
    REMOTE: ("git", "fetch", "git 2.39.5; only the wanted commit, fetched without a cache"),
    REMOTE._replace(git=None): (
        "libgit2",
        "fetch",
        "libgit2 (git is not installed); only the wanted commit, fetched without a cache",
    ),
    REMOTE._replace(git=(1, 8, 3)): (
        "libgit2",
        "fetch",
        "libgit2 (git 1.8.3 is older than 2.31); only the wanted commit, fetched without a cache",
    ),
    REMOTE._replace(git=(2, 31), depth=20): ("git", "fetch", "git 2.31; 20 commits deep, fetched without a cache"),
    REMOTE._replace(cached=True, depth=0): (
        "git",
        "mirror",
        "git 2.39.5; the whole history was asked for, from the mirror in the cache, which fetches what it lacks",
    ),
    REMOTE._replace(local=True): (
        "git",
        "copy",
        "git 2.39.5; only the wanted commit, from objects that are copied: the repository is on this machine",
    ),
    REMOTE._replace(local=True, stored=LARGE + 1): (
        "git",
        "fetch",
        "git 2.39.5; only the wanted commit, packed by the repository on this machine, which is too large to copy",
    ),
    REMOTE._replace(local=True, stored=LARGE + 1, depth=0): (
        "git",
        "copy",
        "git 2.39.5; the whole history was asked for, from objects that are copied: the repository is on this machine",
    ),
    REMOTE._replace(cached=True, kept=True): (
        "git",
        "fetch",
        "git 2.39.5; only the wanted commit, fetched into the checkout that is kept",
    ),
}


@pytest.mark.parametrize("facts", PLANS, ids=str)
def test_every_plan_has_its_reason(facts: Facts) -> None:
    assert choose(facts) == (*PLANS[facts], facts.kept)


def test_what_cannot_be_kept_is_made_anew() -> None:
    plan = choose(REMOTE._replace(git=None, kept=True))
    assert not plan.keep
    assert plan.reason.endswith("is replaced, since only the git program could keep it")


def test_what_only_git_can_do_says_so() -> None:
    with pytest.raises(SourceError) as caught:
        choose(REMOTE._replace(git=None, needs="sparse directories need"))
    assert str(caught.value) == "sparse directories need the git program: git is not installed"


def test_where_the_tree_comes_from() -> None:
    assert tree_reason(exact=True, near=None) == "the work tree is a copy of one in the cache, at this commit"
    assert "brought here from 0123456789ab" in tree_reason(exact=False, near="0123456789abcdef")
    assert tree_reason(exact=False, near=None) == "the work tree is written from the objects"
