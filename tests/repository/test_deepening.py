"""A shallow clone gets the history that a comparison needs, over the network and on one machine; or an error."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import runnerlib
from runnerlib.errors import SourceError
from runnerlib.repository import changed_files, git_info
from tests.integration.cli import runnerlib as command_line
from tests.repository.made import start, write
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
