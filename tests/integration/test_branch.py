"""The branch of a job, if no variable tells: by ref, by file, never by what is left behind."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.integration.cli import runnerlib
from tests.source.git_query.made import start, write
from tests.source.repository import git

STEPS = """\
job:
  name: j
  steps:
    - {name: main, run: echo "it is main", condition: branch == 'main'}
    - {name: other, run: echo "it is not main", condition: branch != 'main'}
    - {name: tag, run: echo "it is v1", condition: tag == 'v1'}
"""
JOBS = """\
workflow:
  name: w
  jobs:
    - {name: main, command: echo "it is main", condition: branch == 'main'}
    - {name: tag, command: echo "it is v1", condition: tag == 'v1'}
    - name: steps
      steps: [{name: inner, run: echo "inner main", condition: branch == 'main'}]
"""


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    """A repository whose work tree is at main, with a file of a job and one of a workflow in a directory of it."""
    path = start(tmp_path / "repo")
    for place in (path, path / "deep/er"):
        place.mkdir(parents=True, exist_ok=True)
        (place / "job.yaml").write_text(STEPS)
        (place / "ci.yaml").write_text(JOBS)
    write(path, "b", "x")
    git(path, "tag", "v1")
    git(path, "branch", "dev")
    return path


def said(*args: str, cwd: Path, **env: str) -> tuple[set[str], str]:
    done = runnerlib("run", *args, cwd=cwd, **env)
    assert done.code == 0, done.err
    words = {part for part in ("it is main", "it is not main", "it is v1", "inner main") if part.encode() in done.out}
    return words, done.out.decode() + done.err


@pytest.mark.parametrize(
    ("ref", "job", "workflow"),
    [
        ([], {"it is main"}, {"it is main", "inner main"}),
        (["--git-ref", "main"], {"it is main"}, {"it is main", "inner main"}),
        (["--git-ref", "refs/heads/main"], {"it is main"}, {"it is main", "inner main"}),
        (["--git-ref", "dev"], {"it is not main"}, set()),
        (["--git-ref", "v1"], {"it is not main", "it is v1"}, {"it is v1"}),
    ],
)
def test_a_ref_names_the_branch(repo: Path, ref: list[str], job: set[str], workflow: set[str]) -> None:
    assert said("--job-file", "job.yaml", "--git-url", ".", *ref, cwd=repo)[0] == job
    assert said("--workflow-file", "deep/er/ci.yaml", "--git-url", ".", *ref, cwd=repo)[0] == workflow


def test_a_commit_names_none_and_the_reason_says_so(repo: Path) -> None:
    words, told = said("--job-file", "job.yaml", "--git-url", ".", "--git-ref", git(repo, "rev-parse", "dev"), cwd=repo)
    assert words == {"it is not main"}
    assert "its condition is false: branch == 'main' (branch is not known)" in told
    told = said("--job-file", "job.yaml", "--git-url", ".", "--git-ref", "dev", cwd=repo)[1]
    assert "its condition is false: branch == 'main' (branch is 'dev')" in told


@pytest.mark.parametrize("left", ["nothing", "empty", "files", "repository"])
@pytest.mark.parametrize("place", [".", "deep/er"])
def test_what_an_earlier_run_left_makes_no_difference(repo: Path, left: str, place: str) -> None:
    if left != "nothing":
        (repo / "job/src").mkdir(parents=True)
    if left == "files":
        (repo / "job/src/file").write_text("x")
    if left == "repository":
        git(start(repo / "job/src"), "checkout", "-qb", "stale")
    assert said("--workflow-file", f"{place}/ci.yaml", cwd=repo)[0] == {"it is main", "inner main"}
    assert said("--job-file", f"{place}/job.yaml", cwd=repo)[0] == {"it is main"}


def test_from_elsewhere_it_is_the_repository_of_the_file(repo: Path, tmp_path: Path) -> None:
    assert said("--workflow-file", "repo/deep/er/ci.yaml", cwd=tmp_path)[0] == {"it is main", "inner main"}
    assert said("--job-file", "repo/deep/er/job.yaml", cwd=tmp_path)[0] == {"it is main"}
    git(repo, "checkout", "-q", "dev")
    assert said("--workflow-file", "repo/ci.yaml", cwd=tmp_path)[0] == set()


def test_what_was_given_counts(repo: Path, tmp_path: Path) -> None:
    git(start(repo / "job/mine"), "checkout", "-qb", "mine")
    words, told = said("--job-file", "job.yaml", "--code-dir", "/job/mine", cwd=repo)
    assert words == {"it is not main"}
    assert "(branch is 'mine')" in told


def test_questions_to_git(repo: Path, tmp_path: Path) -> None:
    def branch(*args: str, cwd: Path) -> object:
        return json.loads(runnerlib("git", "info", "--json", *args, cwd=cwd).out)["branch"]

    (repo / "job/src").mkdir(parents=True)
    assert branch(cwd=repo) == branch(cwd=repo / "deep/er") == "main"
    said("--git-url", ".", "--git-ref", "dev", "--", "true", cwd=repo)
    assert branch(cwd=repo) == "main"
    assert branch("--code-dir", "/job/src", cwd=repo) == "dev"
    said("--git-url", str(repo), "--git-ref", "dev", "--", "true", cwd=tmp_path)
    assert branch(cwd=tmp_path) == "dev"
    changed = runnerlib("git", "files-changed", "HEAD^", cwd=repo / "deep")
    assert (changed.code, b"b\n" in changed.out) == (0, True)


def test_a_step_cannot_move_what_later_steps_are_asked_about(repo: Path) -> None:
    (repo / "job.yaml").write_text("""\
job:
  name: j
  steps:
    - {name: first, run: git checkout -q -B main}
    - {name: deploy, run: echo deployed, depends_on: first, condition: branch == 'main'}
""")
    told = runnerlib("run", "--job-file", "job.yaml", "--git-url", ".", "--git-ref", "dev", cwd=repo)
    assert b"deployed" not in told.out
    assert "(branch is 'dev')" in told.out.decode()
