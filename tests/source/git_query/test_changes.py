"""Changed files, against git itself; and never "nothing" when nobody can tell."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pygit2
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from runnerlib.errors import SourceError
from runnerlib.source.git_query import changed_files, diff_base, head_of
from tests.source.git_query.made import start, write
from tests.source.repository import SUBMODULE, git

NAMES = ("a", "b/c", "b/d", "é", "with space", "b/e/f")


def git_says(path: Path, base: str, head: str = "HEAD") -> set[str]:
    said = git(path, "diff", "--name-only", "--no-renames", "-z", f"{base}...{head}")
    return {name for name in said.split("\0") if name}


def merge(path: Path, other: str) -> None:
    """Merge a branch, our version first; a file that one side changed and the other removed stays."""
    try:
        git(path, "merge", "-q", "-X", "ours", "-s", "ort", "--no-edit", other)
    except subprocess.CalledProcessError:  # `ours` does not decide whether a file stays
        git(path, "add", "-A")
        git(path, "commit", "-q", "--no-edit")


COMMITS = st.lists(
    st.tuples(st.sampled_from(["main", "topic"]), st.sampled_from(NAMES), st.sampled_from(["x", "y", None, "merge"])),
    max_size=6,
)


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(COMMITS)
@example([("main", "a", None), ("topic", "a", "x"), ("main", "a", "merge")])
def test_as_git_says(tmp_path_factory: pytest.TempPathFactory, commits: list[tuple[str, str, str | None]]) -> None:
    path = start(tmp_path_factory.mktemp("repo"))
    git(path, "branch", "topic")
    for branch, name, content in commits:
        git(path, "checkout", "-q", branch)
        if content == "merge":
            merge(path, "main" if branch == "topic" else "topic")
        else:
            write(path, name, content)
    for base, head in (("main", "topic"), ("topic", "main")):
        if len(git(path, "merge-base", "--all", base, head).split()) == 1:
            assert changed_files(path, base, head) == git_says(path, base, head)


class TestChanges:
    """Files that count as changed."""

    def test_only_what_the_topic_did(self, repo: Path) -> None:
        git(repo, "checkout", "-qb", "topic")
        write(repo, "b/c", "new")
        git(repo, "checkout", "-q", "main")
        write(repo, "main-only", "new")
        git(repo, "checkout", "-q", "topic")
        assert changed_files(repo, "main") == {"b/c"}
        assert changed_files(str(repo / ".git"), "main", "topic") == {"b/c"}
        assert changed_files(repo, "HEAD") == set()
        assert changed_files(repo, "HEAD^") == {"b/c"}

    def test_both_names_of_a_moved_file(self, repo: Path) -> None:
        git(repo, "mv", "a", "moved")
        git(repo, "commit", "-qm", "move")
        git(repo, "config", "diff.renames", "copies")
        assert changed_files(repo, "HEAD~1") == {"a", "moved"}

    def test_modes_links_and_directories_in_place_of_files(self, repo: Path) -> None:
        write(repo, "link", "x")
        write(repo, "dir", "x")
        before = write(repo, "mode", "x")
        (repo / "mode").chmod(0o755)
        (repo / "link").unlink()
        (repo / "link").symlink_to("a")
        (repo / "dir").unlink()
        write(repo, "dir/file", "x")
        assert changed_files(repo, before) == {"mode", "link", "dir", "dir/file"}

    def test_a_submodule_even_if_it_asks_to_be_ignored(self, repo: Path) -> None:
        (repo / ".gitmodules").write_text('[submodule "module"]\n path = module\n url = x\n ignore = all\n')
        git(repo, "update-index", "--add", "--cacheinfo", f"160000,{SUBMODULE},module")
        git(repo, "add", ".gitmodules")
        git(repo, "commit", "-qm", "submodule")
        before = git(repo, "rev-parse", "HEAD")
        git(repo, "update-index", "--cacheinfo", f"160000,{SUBMODULE[::-1]},module")
        git(repo, "commit", "-qm", "another")
        git(repo, "config", "diff.ignoreSubmodules", "all")
        assert changed_files(repo, before) == {"module"}
        assert changed_files(repo, "HEAD~2") == {"module", ".gitmodules"}

    def test_names_that_are_no_utf_8(self, repo: Path) -> None:
        name = os.fsdecode(b"caf\xe9\n")
        write(repo, name, "x")
        assert changed_files(repo, "HEAD^") == {name}

    def test_work_that_is_not_committed_does_not_count(self, repo: Path) -> None:
        (repo / "a").write_text("two")
        (repo / "new").write_text("two")
        assert changed_files(repo, "HEAD") == set()

    def test_revisions(self, repo: Path) -> None:
        first = git(repo, "rev-parse", "HEAD")
        git(repo, "tag", "-am", "annotated", "v1")
        git(repo, "update-ref", "refs/remotes/origin/release/1.x", first)
        write(repo, "b", "x")
        for base in (first, first[:8], "v1", "refs/tags/v1", "origin/release/1.x", "release/1.x", "HEAD~", "main~1"):
            assert changed_files(repo, base) == {"b"}, base


class TestWhereNobodyCanTell:
    """An error that says what to do; an empty set would skip what must run."""

    @pytest.mark.parametrize("base", ["nonsense", "f" * 40, "v1", "HEAD~5", "origin/main"])
    def test_an_unknown_base(self, repo: Path, base: str) -> None:
        with pytest.raises(SourceError, match=f"there is no branch, tag or commit '{base}'; fetch it from origin"):
            changed_files(repo, base)

    @pytest.mark.parametrize(
        "base", ["", "-x", ":/one", "HEAD@{0}", "a..b", "a b", "main:a", "HEAD^{tree}", "a\x1b", "^"]
    )
    def test_what_is_no_revision(self, repo: Path, base: str) -> None:
        with pytest.raises(SourceError, match="is no branch, tag or commit id") as caught:
            changed_files(repo, base)
        assert "\x1b" not in str(caught.value)

    def test_steps_back_are_not_taken_on_another_branch_of_the_same_name(self, repo: Path) -> None:
        first = git(repo, "rev-parse", "HEAD")
        git(repo, "update-ref", "refs/remotes/origin/main", write(repo, "b", "x"))
        git(repo, "reset", "-q", "--hard", first)
        assert changed_files(repo, "origin/main~", "main") == set()
        with pytest.raises(SourceError, match="there is no branch, tag or commit 'main~'"):
            changed_files(repo, "main~")

    def test_a_base_that_is_no_commit(self, repo: Path) -> None:
        git(repo, "tag", "file", "HEAD:a")
        with pytest.raises(SourceError, match="cannot compare with 'file'"):
            changed_files(repo, "file")

    def test_histories_without_a_common_commit(self, repo: Path) -> None:
        git(repo, "checkout", "-q", "--orphan", "other")
        write(repo, "a", "two")
        with pytest.raises(SourceError, match="'main' and 'HEAD' have no commit in common; fetch"):
            changed_files(repo, "main")

    def test_no_repository_and_not_the_one_around_it(self, repo: Path) -> None:
        (repo / "inner").mkdir()
        for directory in (repo / "inner", repo / "missing"):
            with pytest.raises(SourceError, match="cannot open the git repository"):
                changed_files(directory, "main")

    def test_no_commit_yet(self, repo: Path) -> None:
        git(repo, "update-ref", "refs/remotes/origin/HEAD", "HEAD")
        git(repo, "checkout", "-q", "--orphan", "early")
        for base in ("HEAD", "main"):
            with pytest.raises(SourceError, match="there is no branch, tag or commit 'HEAD'"):
                changed_files(repo, base)

    def test_a_lost_object(self, repo: Path) -> None:
        tree = git(repo, "rev-parse", "HEAD^{tree}")
        write(repo, "b", "x")
        lost = repo / ".git/objects" / tree[:2] / tree[2:]
        lost.unlink()
        with pytest.raises(SourceError, match=r"cannot compare with 'HEAD\^'"):
            changed_files(repo, "HEAD^")


class TestShallowClones:
    """Enough history is enough; too little is an error."""

    @pytest.fixture
    def origin(self, repo: Path) -> Path:
        for number in range(4):
            write(repo, f"main-{number}", "x")
        git(repo, "checkout", "-qb", "topic", "HEAD~2")
        write(repo, "topic", "x")
        return repo

    def clone(self, origin: Path, depth: int, *more: str) -> Path:
        path = origin.parent / "clone"
        git(origin.parent, "clone", "-q", *more, f"--depth={depth}", "--no-single-branch", origin.as_uri(), str(path))
        return path

    def test_enough(self, origin: Path) -> None:
        path = self.clone(origin, 3)
        assert changed_files(path, "main") == {"topic"}
        assert git_says(path, "origin/main") == {"topic"}

    def test_the_parent_is_enough_for_the_parent(self, origin: Path) -> None:
        assert changed_files(self.clone(origin, 2), "HEAD^") == {"topic"}

    def test_too_little(self, origin: Path) -> None:
        path = self.clone(origin, 1)
        with pytest.raises(
            SourceError, match=r"in common is not all here; the clone is shallow: .*`git fetch --unshallow`"
        ):
            changed_files(path, "main")
        with pytest.raises(SourceError, match=r"there is no branch, tag or commit 'HEAD\^'; the clone is shallow"):
            changed_files(path, "HEAD^")
        git(path, "fetch", "-q", "--unshallow")
        assert changed_files(path, "main") == {"topic"}

    def test_a_clone_without_files(self, origin: Path) -> None:
        git(origin, "config", "uploadpack.allowFilter", "true")
        before = pygit2.settings.extensions
        path = self.clone(origin, 9, "--filter=blob:none", "--no-checkout")
        assert changed_files(path, "main") == {"topic"}
        assert set(pygit2.settings.extensions) - set(before) <= {"partialclone"}

    def test_a_work_tree_of_its_own(self, origin: Path) -> None:
        git(origin, "worktree", "add", "-q", "../tree", "main")
        assert changed_files(origin.parent / "tree", "topic") == {"main-2", "main-3"}
        assert head_of(origin.parent / "tree").branch == "main"


class TestUntrustedRepositories:
    """Nothing that a repository brings along is run."""

    def test_nothing_is_run(self, repo: Path) -> None:
        (repo / "evil").write_text(f"#!/bin/sh\necho x >> {repo}/ran\n")
        (repo / "evil").chmod(0o755)
        (repo / ".gitattributes").write_text("* diff=evil filter=evil textconv=evil\n")
        write(repo, "b", "x")
        evil = str(repo / "evil")
        keys = ("core.fsmonitor", "diff.external", "diff.evil.command", "diff.evil.textconv", "filter.evil.smudge")
        for key in (
            *keys,
            "filter.evil.clean",
            "filter.evil.process",
            "core.pager",
            "core.sshCommand",
            "credential.helper",
        ):
            git(repo, "config", key, evil)
        for hook in ("post-checkout", "pre-commit", "reference-transaction", "post-index-change"):
            (repo / ".git/hooks").mkdir(exist_ok=True)
            (repo / ".git/hooks" / hook).symlink_to(evil)
        assert changed_files(repo, "HEAD^") == {"b", "evil", ".gitattributes"}
        assert head_of(repo).branch == "main"
        assert not (repo / "ran").exists()

    @pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
    def test_another_owner(self, repo: Path) -> None:
        write(repo, "b", "x")
        for path in (repo, *repo.rglob("*")):
            os.chown(path, 12345, 12345, follow_symlinks=False)
        assert changed_files(repo, "HEAD^") == {"b"}
        assert head_of(repo).branch == "main"
        assert pygit2.settings.owner_validation is True


@pytest.mark.parametrize(
    ("environ", "base"),
    [
        ({}, None),
        ({"REACTORCIDE_DIFF_BASE": "abc", "REACTORCIDE_PR_BASE_REF": "main"}, "abc"),
        ({"REACTORCIDE_DIFF_BASE": "", "REACTORCIDE_PR_BASE_REF": "main"}, "origin/main"),
        ({"REACTORCIDE_DIFF_BASE": "0" * 40}, None),
        ({"REACTORCIDE_DIFF_BASE": "0" * 40, "REACTORCIDE_EVENT_TYPE": "push"}, None),
        ({"REACTORCIDE_EVENT_TYPE": "push"}, "HEAD^"),
        ({"REACTORCIDE_EVENT_TYPE": "tag_created"}, None),
        ({"REACTORCIDE_DIFF_BASE": "0" * 40, "REACTORCIDE_BASE_REF": "dev"}, "origin/dev"),
        ({"REACTORCIDE_PR_BASE_REF": "refs/heads/main"}, "origin/main"),
        ({"REACTORCIDE_BASE_URL": "u", "REACTORCIDE_PR_BASE_REF": "main"}, "upstream/main"),
    ],
)
def test_the_base_of_a_comparison(environ: dict[str, str], base: str | None) -> None:
    assert diff_base(environ) == base
