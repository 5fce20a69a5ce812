"""Filters of paths and `changed()` count: for a pull request, for a push, and for a push of which no base is sent."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.cli import runnerlib
from tests.source.git_query.made import start, write
from tests.source.repository import git
from tests.source.smart_http import Server, serving

WORKFLOW = """\
name: {name}
on: {{events: [push, pull_request_opened]}}
paths: {{include: ["{name}/**"]}}
jobs:
  {name}: {{image: alpine, command: make}}
"""
JOB = """\
job:
  name: j
  steps:
    - {name: docs, run: echo "docs it is", condition: changed('docs/**')}
    - {name: src, run: echo "src it is", condition: changed('src/**')}
    - {name: old, run: echo "old it is", condition: changed('old/**')}
"""


@pytest.fixture
def origin(tmp_path: Path) -> Path:
    """main, which goes on after a topic left it; the topic changes docs first, then src."""
    path = start(tmp_path / "root/origin")
    for name in ("docs", "src", "old"):
        (path / ".reactorcide/workflows").mkdir(parents=True, exist_ok=True)
        (path / f".reactorcide/workflows/{name}.yaml").write_text(WORKFLOW.format(name=name))
    for number in range(5):
        write(path, f"old/{number}", "x")
    git(path, "checkout", "-qb", "topic")
    write(path, "docs/a", "x")
    write(path, "src/a", "x")
    git(path, "checkout", "-q", "main")
    write(path, "old/late", "x")
    return path


@pytest.fixture
def server(origin: Path) -> Iterator[Server]:
    with serving(origin.parent) as running:
        yield running


def told(origin: Path, event: str) -> dict[str, str]:
    head = git(origin, "rev-parse", "topic")
    return {
        "pull request": {"EVENT_TYPE": "pull_request_opened", "PR_BASE_REF": "main", "PR_NUMBER": "7"},
        "push": {"EVENT_TYPE": "push", "DIFF_BASE": git(origin, "rev-parse", "topic~2")},
        "push of one": {"EVENT_TYPE": "push", "DIFF_BASE": git(origin, "rev-parse", "topic~1")},
        "push without a base": {"EVENT_TYPE": "push"},
    }[event] | {"BRANCH": "topic", "SHA": head}


MEANT = {
    "pull request": {"docs", "src"},
    "push": {"docs", "src"},
    "push of one": {"src"},
    "push without a base": {"src"},
}


@pytest.mark.parametrize("event", MEANT)
@pytest.mark.parametrize("prepared", ["nothing", "shallow"])
def test_an_evaluation(event: str, prepared: str, origin: Path, server: Server, tmp_path: Path) -> None:
    url = server.url("git/origin")
    variables = {**told(origin, event), "SOURCE_URL": url, "CI_SOURCE_URL": url, "CI_SOURCE_REF": "main"}
    (tmp_path / "work").mkdir()
    if prepared == "shallow":
        git(tmp_path, "clone", "-q", "--depth=1", "--branch=topic", url, "work/job/src")
        git(tmp_path, "clone", "-q", "--depth=1", "--branch=main", url, "work/job/ci")
    environ = {f"REACTORCIDE_{name}": value for name, value in variables.items()}
    done = runnerlib("eval", "--triggers-file", "triggers.json", cwd=tmp_path / "work", **environ)
    assert done.code == 0, done.err
    flows = json.loads((tmp_path / "work/triggers.json").read_text())["workflows"]
    assert {one["name"] for one in flows} == MEANT[event], done.err


@pytest.mark.parametrize("event", MEANT)
@pytest.mark.parametrize("engine", ["git", "libgit2"])
def test_conditions_of_steps(event: str, engine: str, origin: Path, server: Server, tmp_path: Path) -> None:
    environ = {f"REACTORCIDE_{name}": value for name, value in told(origin, event).items()}
    (tmp_path / "job.yaml").write_text(JOB)
    if engine == "libgit2":
        (tmp_path / "bin").mkdir()
        (tmp_path / "bin/sh").symlink_to("/bin/sh")
        environ["PATH"] = str(tmp_path / "bin")
    url = server.url("git/origin")
    done = runnerlib("run", "--job-file", "job.yaml", "--git-url", url, "--git-ref", "topic", cwd=tmp_path, **environ)
    assert done.code == 0, done.err
    assert {name for name in ("docs", "src", "old") if f"{name} it is".encode() in done.out} == MEANT[event]


@pytest.mark.parametrize("command", [("files-changed", "HEAD^"), ("info",)])
def test_a_machine_without_certificates(command: tuple[str, ...], origin: Path, tmp_path: Path) -> None:
    nothing = tmp_path / "ca.pem"
    nothing.write_text("no certificate\n")
    for file in ("/nowhere", str(nothing)):
        done = runnerlib("git", *command, cwd=origin, SSL_CERT_FILE=file, SSL_CERT_DIR="/nowhere")
        assert done.code == 0, done.err
        assert "GitError" not in done.err


def test_a_server_that_nobody_vouches_for_is_one_sentence(tmp_path: Path) -> None:
    environ = {"SSL_CERT_FILE": "/nowhere", "SSL_CERT_DIR": "/nowhere", "PATH": str(tmp_path)}
    done = runnerlib("checkout", "https://127.0.0.1:1/x", "--options", "retries=0", cwd=tmp_path, **environ)
    assert done.code == 125
    assert done.err.splitlines()[-1].startswith("error: cannot clone 'https://127.0.0.1:1/x': ")
    assert "internal" not in done.err
    assert os.listdir(tmp_path) in ([], ["job"])
