"""The commit that is checked out, and the repository that a run is about."""

from __future__ import annotations

from pathlib import Path

import pytest

import runnerlib
from runnerlib.errors import SourceError
from runnerlib.source import Cache, SourceSpec, prepare
from runnerlib.source.git_query import Head, git_info, head_of, is_repository, repository_about
from tests.source.git_query.made import start, write
from tests.source.repository import git
from tests.source.smart_http import serving


class TestHead:
    """A branch, a tag that was asked for, or neither."""

    @pytest.mark.parametrize("name", ["main", "feature/é", "refs/heads/x"])
    def test_a_branch(self, repo: Path, name: str) -> None:
        git(repo, "checkout", "-qB", name)
        assert head_of(repo) == head_of(repo / ".git") == Head(branch=name)

    def test_a_work_tree_of_its_own(self, repo: Path) -> None:
        git(repo, "worktree", "add", "-qb", "side", "../tree")
        assert head_of(repo.parent / "tree").branch == "side"

    def test_none(self, repo: Path, tmp_path: Path) -> None:
        git(repo, "checkout", "-q", "--detach")
        assert head_of(repo) == Head()
        (repo / "inner").mkdir()
        for other in (repo / "inner", tmp_path / "missing"):
            assert not is_repository(other)
            with pytest.raises(SourceError, match="is not a git repository"):
                head_of(other)

    def test_before_the_first_commit(self, tmp_path: Path) -> None:
        git(tmp_path, "init", "-q", "-b", "early")
        assert head_of(tmp_path).branch == "early"

    def test_what_cannot_be_read_is_an_error(self, repo: Path) -> None:
        (repo / ".git/HEAD").write_bytes(b"")
        assert head_of(repo) == Head()
        (repo / ".git/HEAD").unlink()
        (repo / ".git/HEAD").mkdir()
        with pytest.raises(SourceError, match="is not a git repository"):
            head_of(repo)

    @pytest.mark.parametrize("there", ["", "no hash main", "\0" * 9, "refs/heads/x"])
    def test_what_a_job_wrote_beside_it_names_nothing(self, repo: Path, there: str) -> None:
        git(repo, "checkout", "-q", "--detach")
        (repo / ".git/runnerlib-ref").write_text(there)
        assert head_of(repo) == Head()


ASKED = {
    None: Head(branch="main"),
    "HEAD": Head(branch="main"),
    "main": Head(branch="main"),
    "refs/heads/dev": Head(branch="dev"),
    "origin/dev": Head(branch="dev"),
    "both": Head(branch="both"),
    "refs/tags/both": Head(tag="both"),
    "light": Head(tag="light"),
    "v1": Head(tag="v1"),
    "refs/pull/7/head": Head(),
}


@pytest.fixture(scope="module")
def origin(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = start(tmp_path_factory.mktemp("root") / "origin")
    for name in ("dev", "both"):
        git(path, "branch", name)
    git(path, "tag", "light")
    git(path, "tag", "both")
    git(path, "tag", "-am", "one", "v1")
    git(path, "update-ref", "refs/pull/7/head", "HEAD")
    write(path, "b", "x")
    return path


class TestCheckouts:
    """A checkout knows what it was asked for, until somebody checks out something else."""

    @pytest.mark.parametrize("engine", ["git", "libgit2"])
    @pytest.mark.parametrize("way", ["path", "http", "cached"])
    @pytest.mark.parametrize("depth", ["0", "1"])
    def test_any_ref(
        self, origin: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, engine: str, way: str, depth: str
    ) -> None:
        with serving(origin.parent) as server:
            if engine == "libgit2":
                monkeypatch.setenv("PATH", str(tmp_path))
            url = str(origin) if way == "path" else server.url("git/origin")
            for number, (ref, head) in enumerate(ASKED.items()):
                target = tmp_path / f"src-{number}"
                cache = Cache(tmp_path / "cache") if way == "cached" else None
                prepare(SourceSpec("git", url, ref, (("depth", depth),), cache), target)
                assert head_of(target) == head, ref
                info = git_info(target)
                assert (info["branch"], info["tag"] if head.tag else None) == head, ref
        monkeypatch.undo()

    def test_a_commit_names_no_branch(self, origin: Path, tmp_path: Path) -> None:
        commit = git(origin, "rev-parse", "HEAD")
        for ref in (commit, commit[:8]):
            prepare(SourceSpec("git", str(origin), ref, (("keep", "repository"),)), tmp_path / "src")
            assert head_of(tmp_path / "src") == Head()

    def test_another_ref_of_a_checkout_that_is_kept(self, origin: Path, tmp_path: Path) -> None:
        for ref, head in (("dev", Head("dev")), ("v1", Head(None, "v1")), (git(origin, "rev-parse", "dev"), Head())):
            prepare(SourceSpec("git", str(origin), ref, (("keep", "repository"),)), tmp_path / "src")
            assert head_of(tmp_path / "src") == head

    def test_until_something_else_is_checked_out(self, origin: Path, tmp_path: Path) -> None:
        prepare(SourceSpec("git", str(origin), "main", (("depth", "0"),)), tmp_path / "src")
        git(tmp_path / "src", "checkout", "-q", "--detach", "HEAD^")
        assert head_of(tmp_path / "src") == Head()
        git(tmp_path / "src", "checkout", "-q", "-b", "own")
        assert head_of(tmp_path / "src") == Head(branch="own")

    def test_a_program_knows_it(self, origin: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(tmp_path)
        for ref, head in (("dev", Head("dev")), ("v1", Head(None, "v1"))):
            runnerlib.prepare_source(runnerlib.get_config(git_url=str(origin), git_ref=ref))
            assert (runnerlib.env.branch, runnerlib.env.tag) == head
        monkeypatch.setenv("REACTORCIDE_BRANCH", "told")
        assert (runnerlib.env.branch, runnerlib.env.tag) == ("told", None)


class TestWhichRepository:
    """That of the source where it was prepared or given, else the one around the file, else what is left."""

    def test_what_was_given(self, repo: Path, tmp_path: Path) -> None:
        code = start(tmp_path / "job/src")
        assert repository_about(code, repo, given=True) == code
        assert repository_about(code, repo / "deep/down", given=False) == repo
        assert repository_about(code, tmp_path, given=False) == code

    def test_a_directory_without_a_repository(self, repo: Path, tmp_path: Path) -> None:
        (tmp_path / "job/src").mkdir(parents=True)
        for given in (True, False):
            assert repository_about(tmp_path / "job/src", repo, given=given) == repo
            assert repository_about(tmp_path / "job/src", tmp_path, given=given) == tmp_path / "job/src"
