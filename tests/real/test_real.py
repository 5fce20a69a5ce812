"""Pipelines of real projects in our words: all are valid and planned, and run whole where CI can have the project.

`pytest -m real` fetches the projects from the registries of their languages. Two are in none that has all versions:
plugin-git is a Go module that the module proxy does not serve, and Reactorcide is published nowhere.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.integration.cli import Done, program, runnerlib
from tests.looped import assert_each
from tests.tools import tool

HERE = Path(__file__).parent
FILES = sorted(HERE.glob("*.yaml"))
# Variables by which the clients of registries know where these are, and whom to trust.
OF_CLIENTS = ("HOME", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "PIP_", "NPM_CONFIG_", "SSL_CERT_", "NODE_EXTRA_")
GIVEN = {
    "reactorcide-pr.yaml": {"REACTORCIDE_PR_NUMBER": "7", "REACTORCIDE_EVENT_TYPE": "pull_request_opened"},
    "click.yaml": {"PYPI_TOKEN": "pypi-0123456789"},
    "plugin-git.yaml": {"REGISTRY_PASSWORD": "correct-horse-battery"},
}
PLANNED = {
    "click.yaml": ("test", "types", "package", "publish"),
    "express.yaml": ("lint", "test", "coverage"),
    "pluggy.yaml": ("package", "test", "docs", "downstream"),
    "plugin-git.yaml": ("lint", "test", "build", "publish-next", "publish"),
    "pmbootstrap.yaml": ("vermin", "python", "shell", "test", "chroot"),
    "reactorcide-pr.yaml": ("coordinator", "runnerlib", "web", "chart", "images", "verdict"),
}


def test_each_is_valid_and_planned(tmp_path: Path) -> None:
    assert {path.name for path in FILES} == set(PLANNED)
    done = runnerlib("validate", *map(str, FILES), cwd=tmp_path)
    assert (done.code, done.err) == (0, "")

    def check(name: str) -> None:
        options = ("--container-engine", "none", "--work-dir", str(tmp_path))
        given = ("--workflow-file", str(HERE / name), "--plan", *options)
        shown = runnerlib("run", *given, cwd=tmp_path, **GIVEN.get(name, {}))
        assert shown.code == 0, shown.err
        assert all(job in shown.out.decode() for job in PLANNED[name])

    assert_each(check, ((name,) for name in PLANNED))


def fetched(tmp_path: Path, *words: str) -> Path:
    """Fetch a package by the client of its registry, unpack it, and return its directory."""
    done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    (archive,) = (path for path in tmp_path.iterdir() if path.name.endswith((".tar.gz", ".tgz")))
    subprocess.run(("tar", "-xf", archive.name), cwd=tmp_path, check=True)
    (directory,) = (path for path in tmp_path.iterdir() if path.is_dir())
    return directory


def sdist(tmp_path: Path, requirement: str) -> Path:
    pip = (sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--no-binary", ":all:", requirement)
    return fetched(tmp_path, *pip)


def run(project: Path, name: str) -> Done:
    """Run a pipeline whole on the files of a project, in a workspace beside it."""
    workspace = project.parent / "workspace"
    workspace.mkdir()
    source = ("--source-type", "copy", "--source-url", str(project))
    others = {"REACTORCIDE_BRANCH": "feature", **GIVEN.get(name, {})}
    others |= {key: value for key, value in os.environ.items() if key.upper().startswith(OF_CLIENTS)}
    given = ("--workflow-file", str(HERE / name), "--work-dir", str(workspace), *source)
    return program("run", *given, cwd=workspace, **others)


def ended(done: Done, *jobs: str) -> None:
    said = done.out.decode() + done.err
    assert done.code == 0, said[-6000:]
    for job in jobs:
        assert any(line.startswith(f"✓ {job} ") for line in said.splitlines()), said[-3000:]


@pytest.mark.real
def test_pluggy(tmp_path: Path) -> None:
    ended(run(sdist(tmp_path, "pluggy==1.6.0"), "pluggy.yaml"), "package", "test (plain)", "test (coverage)")


@pytest.mark.real
def test_click(tmp_path: Path) -> None:
    ended(
        run(sdist(tmp_path, "click==8.5.1"), "click.yaml"), "test (as written)", "test (reversed)", "types", "package"
    )


@pytest.mark.real
def test_pmbootstrap(tmp_path: Path) -> None:
    ended(run(sdist(tmp_path, "pmbootstrap==2.1.0"), "pmbootstrap.yaml"), "vermin", "python", "shell", "test")


@pytest.mark.real
def test_express(tmp_path: Path) -> None:
    tool("node")
    done = run(fetched(tmp_path, tool("npm"), "pack", "--silent", "express@5.1.0"), "express.yaml")
    ended(done, "lint", "test")
    assert b'the server said 200 {"id":"7"}' in done.out
