"""Questions to the repository of a job: the right one is asked, and an error is never nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

import runnerlib
from runnerlib.api.compat.git_ops import validate_git_repository
from runnerlib.errors import SourceError
from tests.source.git_query.made import start, write
from tests.source.repository import git
from tests.tools import tool


@pytest.fixture(autouse=True)
def repo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A topic of two commits that left main, which went on, at the place of the job's source."""
    tool("git")
    monkeypatch.chdir(tmp_path)
    path = start(tmp_path / "job/src")
    git(path, "checkout", "-qb", "topic")
    write(path, "one", "x")
    write(path, "two", "x")
    git(path, "checkout", "-q", "main")
    write(path, "main-only", "x")
    git(path, "update-ref", "refs/remotes/origin/main", "main")
    git(path, "checkout", "-q", "topic")
    return path


class TestChanges:
    """Changed files, and the base that they are compared with."""

    def test_since_a_branch(self, repo: Path) -> None:
        assert runnerlib.changed_files("main") == runnerlib.get_files_changed("main") == ["one", "two"]
        assert runnerlib.changed_files("topic", "main") == ["main-only"]
        assert runnerlib.changed_files("main", base_dir=repo / ".git") == ["one", "two"]

    @pytest.mark.parametrize(
        ("environ", "files"),
        [
            ({}, ["two"]),
            ({"REACTORCIDE_PR_BASE_REF": "main"}, ["one", "two"]),
            ({"REACTORCIDE_DIFF_BASE": "0" * 40}, ["two"]),
            ({"REACTORCIDE_DIFF_BASE": "HEAD"}, []),
        ],
    )
    def test_since_what_the_event_says(
        self, environ: dict[str, str], files: list[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for name, value in environ.items():
            monkeypatch.setenv(name, value)
        assert runnerlib.changed_files() == files

    def test_since_the_commit_before_another(self) -> None:
        assert runnerlib.changed_files(to_ref="main") == ["main-only"]
        with pytest.raises(SourceError, match=r"there is no branch, tag or commit 'HEAD~2\^'"):
            runnerlib.changed_files(to_ref="HEAD~2")

    def test_an_error_is_never_nothing(self, repo: Path, tmp_path: Path) -> None:
        for ask in (
            lambda: runnerlib.changed_files("nonsense"),
            lambda: runnerlib.changed_files("main", base_dir=tmp_path),
            lambda: runnerlib.git_info(tmp_path / "missing"),
        ):
            with pytest.raises(SourceError):
                ask()

    def test_too_little_history(self, repo: Path, tmp_path: Path) -> None:
        git(tmp_path, "clone", "-q", "--depth=1", "--no-single-branch", repo.as_uri(), "clone")
        with pytest.raises(SourceError, match="the clone is shallow"):
            runnerlib.changed_files("main", base_dir="clone", deepen=False)
        assert runnerlib.changed_files("main", base_dir="clone") == ["one", "two"]


def test_info(repo: Path) -> None:
    git(repo, "tag", "v1")
    head = git(repo, "rev-parse", "HEAD")
    assert runnerlib.git_info() == runnerlib.git_info(repo) == {
        "branch": "topic",
        "commit": head,
        "short_commit": head[:7],
        "tag": "v1",
        "remote_url": None,
        "shallow": False,
    }  # fmt: skip


def test_reactorcides_view(repo: Path, tmp_path: Path) -> None:
    git(repo, "remote", "add", "origin", "/srv/x")
    (repo / "new").write_text("x")
    head = git(repo, "rev-parse", "HEAD")
    info = {
        "is_valid": True,
        "current_branch": "topic",
        "current_commit": head[:8],
        "is_dirty": True,
        "remotes": ["origin"],
        "error": None,
    }
    assert runnerlib.get_repository_info() == info
    git(repo, "checkout", "-q", "--detach")
    assert runnerlib.get_repository_info(repo)["current_branch"] == "detached HEAD"
    broken = runnerlib.get_repository_info(tmp_path)
    assert (broken["is_valid"], broken["is_dirty"]) == (False, None)
    assert str(broken["error"]).startswith("cannot open the git repository")
    assert validate_git_repository(repo) == (True, "Valid git repository")
    assert validate_git_repository(tmp_path)[0] is False
    git(tmp_path, "init", "-q", "early")
    assert validate_git_repository(tmp_path / "early") == (False, f"'{tmp_path}/early' has no commit yet")


def test_scripts_catch_what_they_caught(repo: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    for ask in (runnerlib.git_info, lambda place: runnerlib.get_files_changed("main", place)):
        with pytest.raises(FileNotFoundError) as missing:
            ask(tmp_path / "nowhere")
        assert isinstance(missing.value, SourceError)
        assert (missing.value.exit_code, str(missing.value)) == (125, missing.value.args[0])
        with pytest.raises(OSError, match="empty") as broken:
            ask(tmp_path / "empty")
        assert isinstance(broken.value, ValueError)
        assert isinstance(broken.value, SourceError)
        assert not isinstance(broken.value, FileNotFoundError)
