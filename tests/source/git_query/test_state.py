"""The state of a checkout, against git itself."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from runnerlib.errors import SourceError
from runnerlib.source.git_query import GitInfo, git_info, is_dirty, remotes
from tests.source.git_query.made import start, write
from tests.source.repository import git


def git_says(path: Path, *words: str) -> str | None:
    done = subprocess.run(["git", *words], cwd=path, capture_output=True, text=True, check=False)
    return done.stdout.strip() if done.returncode == 0 else None


def oracle(path: Path) -> GitInfo:
    return {
        "branch": git_says(path, "symbolic-ref", "--quiet", "--short", "HEAD"),
        "commit": git_says(path, "rev-parse", "--verify", "--quiet", "HEAD"),
        "short_commit": git_says(path, "rev-parse", "--verify", "--quiet", "--short", "HEAD"),
        "tag": git_says(path, "describe", "--tags", "--exact-match"),
        "remote_url": git_says(path, "remote", "get-url", "origin"),
        "shallow": git_says(path, "rev-parse", "--is-shallow-repository") == "true",
    }


DEEDS = st.lists(
    st.sampled_from(["commit", "tag one", "tag -am x two", "tag three HEAD~1", "checkout -q --detach", "branch side"]),
    max_size=5,
)


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(DEEDS)
def test_as_git_says(tmp_path_factory: pytest.TempPathFactory, deeds: list[str]) -> None:
    path = start(tmp_path_factory.mktemp("repo"))
    for deed in deeds:
        if deed == "commit":
            write(path, "a", str(os.urandom(8)))
        else:
            subprocess.run(["git", *deed.split()], cwd=path, capture_output=True, check=False)
    assert git_info(path) == git_info(str(path / ".git")) == oracle(path)


class TestInfo:
    """Cases that no random history meets."""

    def test_of_several_tags_an_annotated_one(self, repo: Path) -> None:
        git(repo, "tag", "a-light")
        git(repo, "tag", "-am", "x", "v1.0")
        git(repo, "tag", "z-light")
        assert git_info(repo)["tag"] == git_says(repo, "describe", "--tags", "--exact-match") == "v1.0"

    def test_before_the_first_commit(self, tmp_path: Path) -> None:
        git(tmp_path, "init", "-q", "-b", "early")
        assert git_info(tmp_path) == oracle(tmp_path)
        assert git_info(tmp_path)["commit"] is None

    @pytest.mark.parametrize(
        ("url", "shown"),
        [
            ("https://me:s3cr3t-token@host/x.git", "https://host/x.git"),
            ("https://ghp_token@host:8443/x.git", "https://host:8443/x.git"),
            ("https://me:pa/ss@host/x.git", "https://host/x.git"),
            ("git@host:group/x.git", "git@host:group/x.git"),
            ("ssh://git@host/x.git", "ssh://git@host/x.git"),
            ("/srv/x.git", "/srv/x.git"),
        ],
    )
    def test_a_url_has_no_credentials(self, repo: Path, url: str, shown: str) -> None:
        git(repo, "remote", "add", "origin", url)
        assert git_info(repo)["remote_url"] == shown
        assert remotes(repo) == {"origin": shown}

    def test_the_only_remote_counts_and_of_several_none(self, repo: Path) -> None:
        git(repo, "remote", "add", "fork", "/srv/fork.git")
        assert git_info(repo)["remote_url"] == "/srv/fork.git"
        git(repo, "remote", "add", "other", "/srv/other.git")
        assert git_info(repo)["remote_url"] is None
        assert remotes(repo) == {"fork": "/srv/fork.git", "other": "/srv/other.git"}

    def test_a_shallow_clone(self, repo: Path) -> None:
        write(repo, "b", "x")
        path = repo.parent / "clone"
        git(repo.parent, "clone", "-q", "--depth=1", repo.as_uri(), str(path))
        assert git_info(path) == oracle(path)
        assert git_info(path)["shallow"]

    def test_a_work_tree_of_its_own(self, repo: Path) -> None:
        git(repo, "worktree", "add", "-qb", "side", "../tree")
        assert git_info(repo.parent / "tree") == oracle(repo.parent / "tree")

    def test_no_repository_and_not_the_one_around_it(self, repo: Path) -> None:
        (repo / "inner").mkdir()
        for ask in (git_info, is_dirty, remotes):
            for directory in (repo / "inner", repo / "missing"):
                with pytest.raises(SourceError, match="cannot open the git repository"):
                    ask(directory)

    def test_a_lost_commit_is_an_error(self, repo: Path) -> None:
        commit = git(repo, "rev-parse", "HEAD")
        (repo / ".git/objects" / commit[:2] / commit[2:]).unlink()
        with pytest.raises(SourceError, match="cannot read the repository"):
            git_info(repo)


class TestWork:
    """Work that is not committed."""

    @pytest.mark.parametrize(
        ("deed", "dirty"),
        [
            ("true", False),
            ("echo two > a", True),
            ("echo two > new", True),
            ("echo new > .git/info/exclude; echo two > new", False),
            ("rm a", True),
            ("chmod +x a", True),
            ("git rm -q --cached a", True),
            ("touch -d 2001-01-01 a", False),
            ("mkdir empty", False),
        ],
    )
    def test_as_git_says(self, repo: Path, deed: str, dirty: bool) -> None:
        subprocess.run(["sh", "-ec", deed], cwd=repo, check=True)
        assert is_dirty(repo) is dirty
        assert bool(git(repo, "status", "--porcelain")) is dirty

    def test_a_bare_repository_has_none(self, repo: Path) -> None:
        git(repo.parent, "clone", "-q", "--bare", str(repo), "bare")
        assert not is_dirty(repo.parent / "bare")

    def test_filters_are_not_run(self, repo: Path) -> None:
        (repo / ".gitattributes").write_text("* filter=evil\n")
        write(repo, "b", "x")
        for key in ("filter.evil.clean", "filter.evil.process", "core.fsmonitor"):
            git(repo, "config", key, f"touch {repo}/.git/ran; cat")
        (repo / "b").write_text("y")
        assert is_dirty(repo)
        assert not (repo / ".git/ran").exists()
