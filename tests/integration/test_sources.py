"""Sources through the command line: what arrives, what is refused, what stays untouched."""

from __future__ import annotations

import socket
import subprocess
from pathlib import Path

import pytest

from tests.integration.cli import runnerlib, started


def git(directory: Path, *args: str) -> str:
    identity = ["-c", "user.name=t", "-c", "user.email=t@t", "-c", "init.defaultBranch=main"]
    done = subprocess.run(["git", *identity, *args], cwd=directory, capture_output=True, text=True, check=True)
    return done.stdout.strip()


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """Two commits: a tag on the first, `main` and `refs/pull/7/head` on the second."""
    place = tmp_path / "repository"
    place.mkdir()
    git(place, "init", "-q")
    for text in ("one", "two"):
        (place / "file").write_text(text)
        git(place, "add", ".")
        git(place, "commit", "-qm", text)
        if text == "one":
            git(place, "tag", "v1")
    git(place, "update-ref", "refs/pull/7/head", "HEAD")
    return place


def run(tmp_path: Path, *args: str, command: str = "cat file") -> tuple[int, bytes, str]:
    return runnerlib("run", *args, "--job-command", command, cwd=tmp_path)


def test_every_kind_of_ref(repository: Path, tmp_path: Path) -> None:
    second = git(repository, "rev-parse", "main")
    refs = {"v1": b"one", "main": b"two", "refs/tags/v1": b"one", "refs/heads/main": b"two", "refs/pull/7/head": b"two",
            second: b"two", second[:8]: b"two"}  # fmt: skip
    for ref, content in refs.items():
        done = run(tmp_path, "--git-url", str(repository), "--git-ref", ref)
        assert done[:2] == (0, content)
    lines = done[2].splitlines()
    assert lines[0] == f"runnerlib: cloning '{repository}'"
    assert lines[1].startswith("runnerlib: plan: git ")
    assert lines[-2:] == [f"runnerlib: checked out {second}", "runnerlib: $ cat file"]
    assert run(tmp_path, "--source-type", "git", "--source-url", "repository")[:2] == (0, b"two")


def test_a_copy(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("copied")
    assert run(tmp_path, "--source-type", "copy", "--source-url", ".", command="cat file; ls")[:2] == (
        0,
        b"copiedfile\n",
    )


def test_the_ci_source_comes_first_and_both_are_there(repository: Path, tmp_path: Path) -> None:
    (tmp_path / "ci").mkdir()
    (tmp_path / "ci/check").write_text("cat ../src/file")
    done = run(tmp_path, "--git-url", "repository", "--ci-source-type", "copy", "--ci-source-url", "ci",
               command="sh ../ci/check")  # fmt: skip
    assert done[:2] == (0, b"two")
    assert done[2].index("ci") < done[2].index("cloning")


@pytest.mark.parametrize(
    ("args", "code", "message"),
    [
        (["--git-url", "repository", "--git-ref", "-q"], 125, "source ref '-q' starts with '-'"),
        (["--git-url", "repository", "--git-ref", "mian"], 125, "did you mean 'main'?"),
        (["--git-url", "repository", "--git-ref", "0" * 40], 125, "0" * 40),
        (["--git-url", "none"], 125, "none' is not a git repository"),
        (["--git-url", "http://u:pw-of-mine@127.0.0.1:1/r.git"], 125, "http://***@127.0.0.1:1/r.git"),
        (["--source-type", "copy", "--source-url", "none"], 125, "none"),
        (["--source-type", "copy", "--source-url", "hostile"], 125, "link"),
    ],
)
def test_a_failure_leaves_the_previous_source(
    repository: Path, tmp_path: Path, args: list[str], code: int, message: str
) -> None:
    (tmp_path / "hostile").mkdir()
    (tmp_path / "hostile/link").symlink_to("/etc/passwd")
    (tmp_path / "job/src").mkdir(parents=True)
    (tmp_path / "job/src/previous").write_text("kept")
    done = run(tmp_path, *args)
    assert done[:2] == (code, b"")
    error = done[2].splitlines()[-1]
    assert error.startswith("error: ")
    assert message in error
    assert "pw-of-mine" not in done[2]
    assert [path.name for path in (tmp_path / "job/src").iterdir()] == ["previous"]
    assert {path.name for path in (tmp_path / "job").iterdir()} <= {"src", "artifacts"}


def test_a_signal_stops_a_clone_that_hangs(tmp_path: Path) -> None:
    """The server takes the connection and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"http://127.0.0.1:{server.getsockname()[1]}/r.git"
        with started("run", "--git-url", url, "--", "true", cwd=tmp_path) as run:
            connection, _ = server.accept()
            run.terminate()
            _, err = run.communicate()
            connection.close()
    assert run.returncode == 143
    first, plan, last = err.decode().splitlines()
    assert first == f"runnerlib: cloning '{url}'"
    assert plan.startswith("runnerlib: plan: git ")
    assert last == "error: stopped by SIGTERM"
    assert not (tmp_path / "job/src").exists()
