"""Facts that a program can ask for about the job that it runs in."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

import runnerlib
from runnerlib.api.env import JobContext
from runnerlib.errors import PathError, SourceError
from tests.integration.cli import runnerlib as command_line
from tests.source.git_query.made import start
from tests.source.repository import git
from tests.tools import tool


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def known(environ: dict[str, str]) -> dict[str, object]:
    """All texts and truth values that are known."""
    context = JobContext({"REACTORCIDE_IN_CONTAINER": "false", **environ})
    names = [name for name, made in vars(JobContext).items() if isinstance(made, property) and name[0] != "_"]
    found = {name: getattr(context, name) for name in names}
    return {name: value for name, value in found.items() if value and not isinstance(value, Path)}


@pytest.mark.parametrize(
    ("environ", "facts"),
    [
        ({}, {}),
        ({"REACTORCIDE_BRANCH": "main", "REACTORCIDE_GIT_BRANCH": "x"}, {"branch": "main"}),
        ({"REACTORCIDE_BRANCH": "", "REACTORCIDE_GIT_BRANCH": "x"}, {"branch": "x"}),
        (
            {"REACTORCIDE_EVENT_TYPE": "tag_created", "REACTORCIDE_BRANCH": "v1"},
            {"event": "tag_created", "tag": "v1"},
        ),
        ({"REACTORCIDE_SHA": "a" * 40, "REACTORCIDE_GIT_COMMIT": "b"}, {"commit": "a" * 40}),
        ({"REACTORCIDE_GIT_REF": "v1", "REACTORCIDE_SOURCE_REF": "x"}, {"ref": "v1"}),
        ({"REACTORCIDE_SOURCE_REF": "x"}, {"ref": "x"}),
        (
            {
                "REACTORCIDE_PR_NUMBER": "7",
                "REACTORCIDE_PR_BASE_REF": "main",
                "REACTORCIDE_IS_FORK_PR": "true",
                "REACTORCIDE_HEAD_ACTOR": "me",
                "REACTORCIDE_REPO": "o/n",
            },
            {"pr_number": "7", "base_branch": "main", "is_fork": True, "actor": "me", "repo": "o/n"},
        ),
        ({"REACTORCIDE_IS_FORK_PR": "false"}, {}),
        ({"REACTORCIDE_JOB_ID": "j", "REACTORCIDE_QUEUE": "q"}, {"job_id": "j", "queue": "q"}),
        ({"RC_WF_ID": "w", "RC_WF_NODE_NAME": "n"}, {"workflow_id": "w", "workflow_node": "n"}),
        ({"REACTORCIDE_SOURCE_URL": "https://me:s3cr3t@host/x"}, {"source_url": "https://***@host/x"}),
        ({"REACTORCIDE_IN_CONTAINER": "true"}, {"in_container": True}),
    ],
)
def test_from_variables(environ: dict[str, str], facts: dict[str, object]) -> None:
    assert known(environ) == facts


def test_the_directories(here: Path) -> None:
    context = JobContext({"REACTORCIDE_IN_CONTAINER": "false"})
    base = here / "job"
    assert (context.workspace, context.ci_dir) == (base, base / "ci")
    assert (context.code_dir, context.job_dir, context.artifacts_dir) == (
        base / "src",
        base / "src",
        base / "artifacts",
    )
    context = JobContext({"REACTORCIDE_IN_CONTAINER": "true", "REACTORCIDE_CODE_DIR": "/job/deep"})
    assert (context.code_dir, context.job_dir, context.workspace) == (
        Path("/job/deep"),
        Path("/job/deep"),
        Path("/job"),
    )
    with pytest.raises(PathError, match="REACTORCIDE_IN_CONTAINER is 'maybe'"):
        _ = JobContext({"REACTORCIDE_IN_CONTAINER": "maybe"}).code_dir


def test_from_the_checkout_where_no_variable_tells(here: Path) -> None:
    tool("git")
    repo = start(here / "job/src")
    head = git(repo, "rev-parse", "HEAD")
    assert known({}) == {"branch": "main", "commit": head}
    assert known({"REACTORCIDE_BRANCH": "b", "REACTORCIDE_SHA": "c"}) == {"branch": "b", "commit": "c"}
    git(repo, "checkout", "-q", "--detach")
    assert known({}) == {"commit": head}
    (repo / ".git/config").write_text("[core")
    with pytest.raises(SourceError, match="cannot open the git repository"):
        _ = JobContext({"REACTORCIDE_IN_CONTAINER": "false"}).commit
    (repo / ".git/HEAD").unlink()
    with pytest.raises(SourceError, match="is not a git repository"):
        _ = JobContext({"REACTORCIDE_IN_CONTAINER": "false"}).branch


def test_as_it_is_when_it_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    assert runnerlib.env.job_id is None
    monkeypatch.setenv("REACTORCIDE_JOB_ID", "j-1")
    assert runnerlib.env.job_id == "j-1"


def test_in_a_step(here: Path) -> None:
    program = "from runnerlib import env; print(env.code_dir, env.job_dir, env.artifacts_dir, env.in_container)"
    done = command_line("run", "--artifacts-dir", "/job/out", "--", sys.executable, "-c", program, cwd=here)
    assert done.out.decode().split() == [f"{here}/job/src", f"{here}/job/src", f"{here}/job/out", "False"], done


def test_every_attribute_is_explained() -> None:
    for name, made in vars(JobContext).items():
        if isinstance(made, property) and not name.startswith("_"):
            assert made.__doc__, name
