"""A shallow clone gets the history that a comparison needs, over the network and on one machine; or an error."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import runnerlib
from runnerlib.errors import SourceError
from runnerlib.source.git_query import changed_files, git_info
from tests.integration.cli import runnerlib as command_line
from tests.source.git_query.made import start, write
from tests.source.histories import History, histories, import_history
from tests.source.repository import git
from tests.source.smart_http import QUOTED, Server, serving


@pytest.fixture
def origin(tmp_path: Path) -> Path:
    """Main and a topic that left it four commits ago, with a commit of a pull request that is on no branch."""
    path = start(tmp_path / "root/origin")
    git(path, "checkout", "-qb", "topic")
    for name in ("one", "two"):
        write(path, name, "x")
    git(path, "checkout", "-q", "main")
    for number in range(4):
        write(path, f"main-{number}", "x")
    git(path, "checkout", "-q", "--detach", "topic")
    git(path, "update-ref", "refs/pull/7/head", write(path, "three", "x"))
    git(path, "checkout", "-q", "topic")
    git(path, "config", "uploadpack.allowAnySHA1InWant", "true")
    return path


@pytest.fixture
def server(origin: Path) -> Iterator[Server]:
    with serving(origin.parent) as running:
        yield running


def prepared(url: str, ref: str) -> Path:
    """A checkout as a run makes it: one commit, detached, one ref at most."""
    path = runnerlib.prepare_source(runnerlib.get_config(git_url=url, git_ref=ref))
    assert path is not None
    assert git_info(path)["shallow"]
    return path


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def test_over_the_network(server: Server) -> None:
    path = prepared(server.url("git/origin"), "topic")
    with pytest.raises(SourceError, match="the clone is shallow"):
        changed_files(path, "main")
    assert runnerlib.changed_files("main") == ["one", "two"]
    assert not git_info(path)["shallow"]
    assert runnerlib.changed_files("main", deepen=False) == ["one", "two"]
    assert git(path, "fsck", "--connectivity-only", "--no-dangling") == ""


def test_on_the_command_line(server: Server, tmp_path: Path) -> None:
    prepared(server.url("git/origin"), "topic")
    done = command_line("git", "files-changed", "main", cwd=tmp_path)
    assert (done.code, done.out, done.err) == (0, b"one\ntwo\n", "2 files changed since main\n")


def test_a_commit_of_a_pull_request(server: Server) -> None:
    prepared(server.url("git/origin"), "refs/pull/7/head")
    assert runnerlib.changed_files("main") == ["one", "three", "two"]


def test_with_credentials_that_are_stored(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "auth").mkdir()
    (tmp_path / "auth/credentials").write_text(f"http://me:{QUOTED}@127.0.0.1:{server.port}/auth/origin\n")
    monkeypatch.setenv("REACTORCIDE_VCS_AUTH_DIR", str(tmp_path / "auth"))
    prepared(server.url("auth/origin"), "topic")
    assert runnerlib.changed_files("main") == ["one", "two"]


def test_without_credentials_it_says_so(server: Server) -> None:
    path = prepared(server.url("auth/origin", f"me:{QUOTED}"), "topic")
    said = r"the clone is shallow: .*depth=0`; it cannot be fetched now: .*credentials"
    with pytest.raises(SourceError, match=said):
        runnerlib.changed_files("main")
    assert git_info(path)["shallow"]


@pytest.mark.parametrize("scheme", ["file://", ""])
def test_on_one_machine(scheme: str, origin: Path) -> None:
    path = origin.parent / "clone"
    git(origin.parent, "clone", "-q", "--depth=1", "--branch=topic", origin.as_uri(), str(path))
    git(path, "remote", "set-url", "origin", f"{scheme}{origin}")
    assert changed_files(path, "main", deepen=True) == {"one", "two"}
    assert git(path, "fsck", "--connectivity-only", "--no-dangling") == ""


def test_an_origin_that_is_shallow_itself(origin: Path, tmp_path: Path) -> None:
    for source, made in ((origin, "middle"), (tmp_path / "middle", "clone")):
        git(tmp_path, "clone", "-q", "--depth=1", "--no-single-branch", source.as_uri(), made)
    with pytest.raises(SourceError, match="the clone is shallow"):
        changed_files(tmp_path / "clone", "origin/main", deepen=True)


def test_no_origin(origin: Path, tmp_path: Path) -> None:
    git(tmp_path, "clone", "-q", "--depth=1", origin.as_uri(), "clone")
    git(tmp_path / "clone", "remote", "rename", "origin", "other")
    with pytest.raises(SourceError, match=r"it cannot be fetched now: it has no remote 'origin'"):
        changed_files(tmp_path / "clone", "HEAD^", deepen=True)


def test_nothing_of_its_configuration_is_run(server: Server, tmp_path: Path) -> None:
    path = prepared(server.url("git/origin"), "topic")
    for key in ("core.fsmonitor", "core.sshCommand", "credential.helper", "core.hooksPath", "remote.origin.uploadpack"):
        git(path, "config", key, f"touch {tmp_path}/ran;")
    (path / ".git/hooks").mkdir(exist_ok=True)
    for hook in ("reference-transaction", "post-checkout", "post-fetch"):
        (path / ".git/hooks" / hook).write_text(f"#!/bin/sh\ntouch {tmp_path}/ran\n")
        (path / ".git/hooks" / hook).chmod(0o755)
    assert changed_files(path, "main", deepen=True) == {"one", "two"}
    assert not (tmp_path / "ran").exists()


@settings(deadline=None, max_examples=10, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(history=histories(), data=st.data())
def test_as_the_whole_history_says(
    history: History, data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    top = tmp_path_factory.mktemp("root")
    nodes = st.sampled_from(range(len(history)))
    import_history(
        top / "origin", history, {"refs/heads/main": data.draw(nodes), "refs/heads/topic": data.draw(nodes)}, {}
    )
    main, parent = git(top / "origin", "rev-parse", "main"), git(top / "origin", "rev-list", "-2", "topic").split()[1:]
    depth = data.draw(st.integers(1, 5))
    with serving(top) as server:
        git(top, "clone", "-q", f"--depth={depth}", "--branch=topic", server.url("git/origin"), "src")
        for base in data.draw(st.permutations(["main", "origin/main", main, *["HEAD^"] * len(parent)])):
            whole = changed_files(top / "origin", base.replace("HEAD", "topic").replace("origin/", ""), "topic")
            assert changed_files(top / "src", base, deepen=True) == whole, base
    assert git(top / "src", "fsck", "--connectivity-only", "--no-dangling") == ""
    assert "runnerlib" not in git(top / "src", "for-each-ref")


def test_no_more_than_it_takes_and_never_less_than_before(tmp_path: Path) -> None:
    (tmp_path / "root").mkdir()
    import_history(
        tmp_path / "root/origin", [(900, []), (5, [0]), (3, [0])], {"refs/heads/main": 1, "refs/heads/topic": 2}, {}
    )
    with serving(tmp_path / "root") as server:
        for depth in (1, 200):
            git(tmp_path, "clone", "-q", f"--depth={depth}", "--branch=topic", server.url("git/origin"), str(depth))
            before = int(git(tmp_path / str(depth), "rev-list", "--count", "HEAD"))
            assert changed_files(tmp_path / str(depth), "main", deepen=True) == {"file-2"}
            count = int(git(tmp_path / str(depth), "rev-list", "--count", "HEAD"))
            assert before <= count < 300
