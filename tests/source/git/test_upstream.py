"""The remote `upstream` of a change from a fork: there when Reactorcide names it, and never a reason to fail."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from runnerlib.source import Cache, SourceSpec, prepare
from runnerlib.source.git.upstream import Base, described
from runnerlib.source.git_query import changed_files, diff_base
from tests.source.repository import commit, git
from tests.source.smart_http import QUOTED, TOKEN, Server, serving


@pytest.fixture
def fork(tmp_path: Path) -> Iterator[tuple[Server, dict[str, str]]]:
    """base has ten commits and then five more; fork left after the ten, and has three of its own."""
    git(tmp_path, "init", "-q", "-b", "main", "base")
    for number in range(10):
        common = commit(tmp_path / "base", f"common {number}")
    git(tmp_path, "clone", "-q", "base", "fork")
    for number in range(5):
        base = commit(tmp_path / "base", f"base {number}")
    for number in range(3):
        own = commit(tmp_path / "fork", f"fork {number}")
    with serving(tmp_path) as server:
        yield server, {"common": common, "base": base, "fork": own}


def checked_out(url: str, target: Path, *options: tuple[str, str], cache: Cache | None = None) -> list[str]:
    lines: list[str] = []
    prepare(SourceSpec("git", url, "main", options, cache), target, lines.append)
    return lines


@pytest.mark.parametrize(("depth", "cached"), [("0", False), ("1", True), ("4", False), ("6", True), ("12", False)])
def test_upstream_is_fetched_and_history_stays(
    depth: str,
    cached: bool,
    engine: str,
    fork: tuple[Server, dict[str, str]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    server, ids = fork
    cache = Cache(tmp_path / "cache") if cached else None
    target, options = tmp_path / "src", (("depth", depth),)
    checked_out(server.url("git/fork"), target, *options, cache=cache)
    alone = git(target, "rev-list", "HEAD")
    assert git(target, "remote") == "origin"
    monkeypatch.setenv("REACTORCIDE_BASE_URL", server.url("auth/base", f"me:{QUOTED}"))
    monkeypatch.setenv("REACTORCIDE_BASE_REF", "main")
    lines = checked_out(server.url("git/fork"), target, *options, cache=cache)
    assert [line for line in lines if line.startswith(f"fetched 'main' of upstream '{server.url('auth/base', '***')}'")]
    assert git(target, "rev-parse", "HEAD", "upstream/main").split() == [ids["fork"], ids["base"]]
    seen = git(target, "rev-list", "HEAD").split()
    assert seen[: len(alone.split())] == alone.split()  # what upstream brought may make it longer, never shorter
    assert git(target, "status", "--porcelain") == ""
    assert git(target, "fsck", "--no-dangling") == ""
    assert git(target, "remote", "get-url", "upstream") == server.url("auth/base")
    assert git(target, "merge-base", "HEAD", "upstream/main") == ids["common"]
    assert len(git(target, "rev-list", "upstream/main..HEAD").split()) == 3
    everything = b"".join(path.read_bytes() for path in tmp_path.glob("src/.git/**/*") if path.is_file())
    assert TOKEN.encode() not in everything
    assert QUOTED.encode() not in everything


def test_a_checkout_that_is_kept_has_it_too(
    fork: tuple[Server, dict[str, str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server, ids = fork
    monkeypatch.setenv("REACTORCIDE_BASE_URL", server.url("git/base"))
    monkeypatch.setenv("REACTORCIDE_BASE_REF", "refs/heads/main")
    for _ in range(2):
        checked_out(server.url("git/fork"), tmp_path / "src", ("keep", "repository"))
        assert git(tmp_path / "src", "rev-parse", "HEAD", "upstream/main").split() == [ids["fork"], ids["base"]]
        assert git(tmp_path / "src", "remote").split() == ["origin", "upstream"]


@pytest.mark.parametrize("end", ["", ".git/"])
def test_the_origin_itself_is_no_upstream(
    end: str, fork: tuple[Server, dict[str, str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server, _ = fork
    monkeypatch.setenv("REACTORCIDE_BASE_URL", server.url("git/fork") + end)
    monkeypatch.setenv("REACTORCIDE_BASE_REF", "main")
    lines = checked_out(server.url("git/fork"), tmp_path / "src")
    assert git(tmp_path / "src", "remote") == "origin"
    assert not [line for line in lines if "upstream" in line]


@pytest.mark.parametrize(
    ("url", "ref", "said"),
    [
        ("git/base", "gone", "cannot clone '{base}': "),
        ("git/nowhere", "main", "cannot clone '{nowhere}': "),
        ("ext::sh -c 'touch evil'", "main", ""),
        ("git/base", "a..b", "source ref 'a..b' holds '..'"),
        ("git/base", "-q", ""),
    ],
)
def test_what_cannot_be_fetched_stops_nobody(
    url: str,
    ref: str,
    said: str,
    engine: str,
    fork: tuple[Server, dict[str, str]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    server, ids = fork
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("REACTORCIDE_BASE_URL", server.url(url) if url.startswith("git/") else url)
    monkeypatch.setenv("REACTORCIDE_BASE_REF", ref)
    lines = checked_out(server.url("git/fork"), tmp_path / "src", ("retries", "0"))
    told = [line for line in lines if line.startswith("going on without upstream: ")]
    expected = said.format(base=server.url("git/base"), nowhere=server.url("git/nowhere"))
    assert told[0].startswith(f"going on without upstream: {expected}")
    assert git(tmp_path / "src", "rev-parse", "HEAD") == ids["fork"]
    assert not (tmp_path / "evil").exists()


def test_without_a_ref_there_is_just_the_remote(
    fork: tuple[Server, dict[str, str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server, _ = fork
    monkeypatch.setenv("REACTORCIDE_BASE_URL", str(tmp_path / "base"))
    checked_out(server.url("git/fork"), tmp_path / "src")
    assert git(tmp_path / "src", "remote", "get-url", "upstream") == str(tmp_path / "base")
    assert "upstream" not in git(tmp_path / "src", "for-each-ref")


def test_what_is_told() -> None:
    assert described({}) is None
    assert (
        described({"REACTORCIDE_BASE_REF": "main"})
        == described({"REACTORCIDE_PR_BASE_REF": "main"})
        == Base(None, "main")
    )
    assert described({"REACTORCIDE_BASE_URL": "u", "REACTORCIDE_BASE_REF": ""}) == Base("u")
    assert described({"REACTORCIDE_BASE_URL": "u", "REACTORCIDE_BASE_REF": "main"}) == Base("u", "main")


@pytest.mark.parametrize("depth", ["0", "1"])
def test_a_change_from_a_fork_is_compared_with_upstream(
    depth: str, fork: tuple[Server, dict[str, str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not with the fork's own branch of that name, which has the change already; and as far back as it takes."""
    server, _ = fork
    target, base = tmp_path / "src", server.url("git/base")
    told_so = {"REACTORCIDE_BASE_URL": base, "REACTORCIDE_BASE_REF": "main", "REACTORCIDE_PR_BASE_REF": "main"}
    for name, value in told_so.items():
        monkeypatch.setenv(name, value)
    checked_out(server.url("git/fork"), target, ("depth", depth))
    against = diff_base(told_so)
    assert against == "upstream/main"
    changed = changed_files(target, against, deepen=True)
    assert changed == set(git(target, "diff", "--name-only", "upstream/main...HEAD").split())
    assert changed == {"file"}
    assert changed_files(target, "origin/main") == frozenset()


def test_where_upstream_is_the_origin(fork: tuple[Server, dict[str, str]], tmp_path: Path) -> None:
    """There is no such remote, and the branch is the origin's."""
    server, _ = fork
    target = tmp_path / "src"
    checked_out(server.url("git/base"), target, ("depth", "0"))
    assert changed_files(target, "upstream/main") == frozenset()
