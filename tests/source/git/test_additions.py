"""Additions that options ask for: refs, a local branch, an identity, a merge with the target, chosen submodules."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from runnerlib.errors import SourceError
from runnerlib.source import Cache, check, prepare
from runnerlib.source.git.address import over_https
from runnerlib.source.git.child_env import environment
from tests.source.git.test_options import source
from tests.source.repository import commit, git
from tests.source.smart_http import QUOTED, serving

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(params=[False, True], ids=["no cache", "cache"])
def cache(request: pytest.FixtureRequest, tmp_path: Path) -> Cache | None:
    return Cache(tmp_path / "cache") if request.param else None


@pytest.fixture
def served(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """The URL and the path of a repository: three commits, `change` beside the last two, a tag, notes."""
    repo = tmp_path / "repo"
    git(tmp_path, "init", "-q", "-b", "main", "repo")
    commit(repo, "one")
    git(repo, "branch", "change")
    for name in ("two", "three"):
        (repo / name).write_text(name)
        commit(repo, name)
    git(repo, "tag", "v1", "main~1")
    git(repo, "notes", "add", "-m", "note", "main")
    git(repo, "checkout", "-q", "change")
    (repo / "changed").write_text("x")
    git(repo, "add", ".")
    git(repo, "commit", "-qm", "change")
    with serving(tmp_path) as server:
        yield server.url("auth/repo", f"me:{QUOTED}"), repo


def refs(top: Path) -> set[str]:
    return set(git(top, "for-each-ref", "--format=%(refname)").split())


def test_a_local_branch(engine: str, cache: Cache | None, served: tuple[str, Path], tmp_path: Path) -> None:
    url, repo = served
    target, lines = tmp_path / "src", list[str]()
    for options in (("branch=true",), ("branch=yes", "depth=0"), ("branch=yes", "keep=repository")):
        prepare(source(url, *options, ref="change", cache=cache), target)
        assert git(target, "symbolic-ref", "HEAD") == "refs/heads/change"
        assert git(target, "rev-parse", "HEAD", "change@{upstream}").split() == [git(repo, "rev-parse", "change")] * 2
        assert git(target, "status", "--porcelain") == ""
    for ref in ("v1", git(repo, "rev-parse", "main")):
        prepare(source(url, "branch=yes", ref=ref, cache=cache), target, lines.append)
        assert git(target, "rev-parse", "HEAD") == git(repo, "rev-parse", f"{ref}^{{commit}}")
        assert lines[-2] == "HEAD stays detached: only a branch can become a local one (option branch)"


def test_tags_and_refs_without_their_history(
    engine: str, cache: Cache | None, served: tuple[str, Path], tmp_path: Path
) -> None:
    url, repo = served
    target = tmp_path / "src"
    prepare(
        source(url, "tags=true", "fetch=refs/notes/*:refs/notes/*", "fetch=main", ref="change", cache=cache), target
    )
    for name in ("refs/tags/v1", "refs/notes/commits", "refs/remotes/origin/main"):
        assert git(target, "rev-parse", name) == git(repo, "rev-parse", name.replace("remotes/origin", "heads"))
    assert git(target, "rev-list", "--count", "HEAD") == "1"
    assert git(target, "notes", "show", "refs/remotes/origin/main") == "note"
    prepare(source(url, "depth=0", "fetch=refs/notes/*", ref="change", cache=cache), target)
    assert "refs/remotes/origin/notes/commits" in refs(target)
    assert git(target, "rev-list", "--count", "HEAD") == "2"
    with pytest.raises(SourceError, match="nosuch"):
        prepare(source(url, "fetch=nosuch", cache=cache), target)


@pytest.mark.parametrize("spec", ["", "a b", "refs/notes/*:x", "refs/a*:refs/b*", "refs/x:refs/y/*", "-x:y", "x:refs/"])
def test_what_is_no_refspec(spec: str) -> None:
    with pytest.raises(SourceError, match=r"option 'fetch'|source ref"):
        check(source("https://host/x", f"fetch={spec}"))


def test_a_merge_with_the_target(cache: Cache | None, served: tuple[str, Path], tmp_path: Path) -> None:
    url, repo = served
    ids = set()
    for number, options in enumerate((("depth=1",), ("depth=0",), ("branch=yes",), ("keep=repository",))):
        target = tmp_path / f"src{number}"
        prepared = prepare(source(url, "merge=main", *options, ref="change", cache=cache), target)
        assert prepared is not None
        assert git(target, "rev-parse", "HEAD", "HEAD^1", "HEAD^2").split() == [
            prepared.revision, git(repo, "rev-parse", "main"), git(repo, "rev-parse", "change")
        ]  # fmt: skip
        assert {path.name for path in target.iterdir()} == {".git", "file", "two", "three", "changed"}
        assert git(target, "status", "--porcelain") == ""
        ids.add(prepared.revision)
    assert len(ids) == 1  # the same wherever it is made
    target = tmp_path / "same"
    prepare(source(url, "merge=change", ref="change", cache=cache), target)
    assert git(target, "rev-parse", "HEAD") == git(repo, "rev-parse", "change")
    who = ("user-name=Ann O'X", "user-email=ann@example.org")
    prepare(source(url, "merge=main", *who, ref="change", cache=cache), target)
    assert git(target, "log", "-1", "--format=%an %ae %cn") == "Ann O'X ann@example.org Ann O'X"
    assert git(target, "config", "user.name") == "Ann O'X"


def test_what_cannot_be_merged(served: tuple[str, Path], tmp_path: Path, no_git: None) -> None:
    with pytest.raises(SourceError, match="option 'merge' needs the git program"):
        prepare(source(served[0], "merge=main", ref="change"), tmp_path / "src")


def test_conflicts_are_named(cache: Cache | None, served: tuple[str, Path], tmp_path: Path) -> None:
    url, repo = served
    (repo / "two").write_text("else")
    git(repo, "add", ".")
    git(repo, "commit", "-qm", "conflict")
    with pytest.raises(SourceError, match=r"[0-9a-f]{40} conflicts with [0-9a-f]{40} in 'two'$"):
        prepare(source(url, "merge=main", ref="change", cache=cache), tmp_path / "src")
    with pytest.raises(SourceError, match=r"option 'merge' is 'nosuch', a branch that '.*' does not have"):
        prepare(source(url, "merge=nosuch", ref="change", cache=cache), tmp_path / "src")
    git(repo, "checkout", "-q", "--orphan", "other")
    git(repo, "commit", "-qm", "other")
    with pytest.raises(SourceError, match="git merge-tree failed: refusing to merge unrelated histories"):
        prepare(source(url, "merge=main", ref="other", cache=cache), tmp_path / "src")
    assert not (tmp_path / "src").exists()


def test_no_merge_driver_of_the_machine_is_run(
    served: tuple[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url, repo = served
    (tmp_path / "config").write_text(f'[merge "evil"]\n\tdriver = touch {tmp_path}/pwned\n')
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(tmp_path / "config"))
    for branch, text in (("main", "a\nb\nc\n"), ("change", "a\nb\nc\n")):
        git(repo, "checkout", "-q", branch)
        (repo / ".gitattributes").write_text("lines merge=evil\n")
        (repo / "lines").write_text(text if branch == "main" else text.replace("c", "d"))
        git(repo, "add", ".")
        git(repo, "commit", "-qm", "lines")
    with pytest.raises(SourceError, match="in 'lines'"):
        prepare(source(url, "merge=main", ref="change"), tmp_path / "src")
    assert not (tmp_path / "pwned").exists()


def test_chosen_submodules_and_their_depth(tmp_path: Path) -> None:
    lines: list[str] = []
    for name in ("one", "two", "outer"):
        git(tmp_path, "init", "-q", "-b", "main", name)
        commit(tmp_path / name, name)
        head = commit(tmp_path / name, "again")
        if name != "outer":
            with (tmp_path / "modules").open("a") as file:
                file.write(f'[submodule "{name}"]\n\tpath = libs/{name}\n\turl = ../{name}\n')
            (tmp_path / name / "head").write_text(head)
    outer = tmp_path / "outer"
    (outer / ".gitmodules").write_text((tmp_path / "modules").read_text())
    for name in ("one", "two"):
        git(
            outer,
            "update-index",
            "--add",
            "--cacheinfo",
            f"160000,{(tmp_path / name / 'head').read_text()},libs/{name}",
        )
    git(outer, "add", ".gitmodules")
    git(outer, "commit", "-qm", "submodules")
    with serving(tmp_path) as server:
        url = server.url("auth/outer", f"me:{QUOTED}")
        options = ("submodules=shallow", "submodule-paths=libs/o*", "submodule-depth=0", "branch=yes", "tags=true")
        prepare(source(url, *options, ref="main"), tmp_path / "src", lines.append)
    assert git(tmp_path / "src/libs/one", "rev-list", "--count", "HEAD") == "2"
    assert not list((tmp_path / "src/libs/two").iterdir())
    assert "submodule 'libs/two' is left out: no glob of option submodule-paths matches it" in lines


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("git@github.com:me/x.git", "https://github.com/me/x.git"),
        ("ssh://git@host:2222/me/x", "https://host/me/x"),
        ("https://host/x", "https://host/x"),
        ("git://host/x", "git://host/x"),
    ],
)
def test_submodules_by_https(url: str, said: str) -> None:
    assert over_https(url) == said


def test_hosts_that_are_known(tmp_path: Path) -> None:
    hosts = tmp_path / "known 'hosts'"
    with pytest.raises(SourceError, match=r"option 'known-hosts' of source type 'git' is '.*', which is no file"):
        check(source("git@host:x", f"known-hosts={hosts}"))
    hosts.touch()
    check(source("git@host:x", f"known-hosts={hosts}"))
    assert "GlobalKnownHostsFile=/dev/null" in environment(None, str(hosts), {})["GIT_SSH_COMMAND"]


def test_a_time_limit_is_one_for_everything(
    served: tuple[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ticks = iter(range(0, 10_000, 5))
    monkeypatch.setattr("runnerlib.source.spec.time.monotonic", lambda: next(ticks))
    with pytest.raises(SourceError, match=r"the source was not there after 3 seconds \(option time-limit\)"):
        prepare(source(served[0], "time-limit=3"), tmp_path / "src")
    assert not (tmp_path / "src").exists()


@pytest.mark.parametrize("value", ["", " ", "a<b", "a\nb"])
def test_who_cannot_commit(value: str) -> None:
    with pytest.raises(SourceError, match=r"option 'user-name' of source type 'git' is .*, which no commit can have"):
        check(source("https://host/x", f"user-name={value}"))
