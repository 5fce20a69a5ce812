"""Runs in a project: the file is found, the files that are there are used, and all else is in `.runnerlib`."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from pathlib import Path

import pytest

from tests.integration.cli import RUNNERLIB, Done, runnerlib, started
from tests.source.repository import git
from tests.tools import tool

JOB = """\
job:
  name: demo
  steps:
    - {name: build, description: make the thing, run: 'echo built >product; echo "$PWD"'}
    - {name: test, run: 'cat product && test ! -e broken'}
"""
WORKFLOW = """\
workflow:
  name: w
  jobs:
    - {name: one, command: 'echo one >>trace'}
    - {name: two, needs: one, command: 'echo two >>trace; echo "$REACTORCIDE_CODE_DIR"'}
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A repository with a job file and a directory below it."""
    root = tmp_path / "project"
    (root / "src" / "deep").mkdir(parents=True)
    (root / "runnerlib.yaml").write_text(JOB)
    git(root, "init", "-q", "-b", "main")
    git(root, "add", "-A")
    git(root, "commit", "-qm", "x")
    return root


def run(project: Path, *args: str, below: str = "src/deep") -> Done:
    return runnerlib("run", *args, cwd=project / below)


def test_the_job_of_the_project_runs_where_it_is(project: Path) -> None:
    (project / "broken").touch()
    done = run(project)
    assert (done.code, (project / "product").read_text()) == (1, "built\n")
    assert f"build │ {project}\n".encode() in done.out
    (project / "broken").unlink()
    done = run(project, "--resume", below=".")
    assert done.code == 0
    assert "build » done in an earlier run" in done.out.decode()
    assert b"test  \xe2\x94\x82 built\n" in done.out
    # All that is the runner's is in one directory, which git does not see.
    assert sorted(os.listdir(project)) == [".git", ".runnerlib", "product", "runnerlib.yaml", "src"]
    status = subprocess.run(["git", "status", "--short"], cwd=project, capture_output=True, check=True, text=True)
    assert status.stdout == "?? product\n"
    assert (project / ".runnerlib/artifacts/logs/test.log").read_text() == "built\n"


def test_one_step_runs_by_its_name(project: Path) -> None:
    done = run(project, "test")
    assert (done.code, (project / "product").exists()) == (1, False)
    assert run(project, "build").code == 0
    assert run(project, "test").code == 0
    wrong = run(project, "tets")
    assert (wrong.code, wrong.out) == (78, b"")
    assert "did you mean 'test'?" in wrong.err


def test_nothing_is_written_by_a_look(project: Path) -> None:
    assert run(project, "--dry-run").code == run(project, "--plan").code == run(project, "--list").code == 0
    assert not (project / ".runnerlib").exists()


def test_a_list_for_people_and_for_programs(project: Path) -> None:
    shown = runnerlib("list", cwd=project)
    assert shown.code == 0
    assert shown.out.decode().splitlines()[:3] == [
        "runnerlib.yaml: job 'demo'",
        "  build  make the thing",
        "  test   (needs build)",
    ]
    (found,) = json.loads(runnerlib("list", "--json", cwd=project / "src").out)
    assert (found["file"], found["kind"], found["name"]) == ("../runnerlib.yaml", "job", "demo")
    assert found["steps"][1] == {"name": "test", "description": "", "needs": ["build"]}


def test_the_jobs_of_a_workflow_share_the_files(project: Path) -> None:
    (project / "runnerlib.yaml").write_text(WORKFLOW)
    done = run(project)
    assert (done.code, (project / "trace").read_text()) == (0, "one\ntwo\n")
    assert f"two │ {project}\n".encode() in done.out
    done = run(project, "one")
    assert (done.code, (project / "trace").read_text()) == (0, "one\ntwo\none\n")
    assert b"$ runnerlib run two\n" in done.out


def test_a_source_leaves_the_files_alone(project: Path) -> None:
    done = run(project, "--git-url", "../..")
    assert done.code == 0, done.err
    assert f"build │ {project}/.runnerlib/src\n".encode() in done.out
    assert not (project / "product").exists()
    done = run(project, "--git-url", "../..", "--here")
    assert (done.code, done.out) == (78, b"")
    assert "contradicts --here" in done.err


def test_settings_of_the_project_name_its_job(project: Path) -> None:
    (project / "runnerlib.yaml").rename(project / "job.yaml")
    (project / "runnerlib.yaml").write_text("job_file: job.yaml\njob_env: {X: y}\n")
    assert run(project).code == 0
    assert (project / "product").exists()


def test_any_command_runs_here(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    done = runnerlib("run", "--here", "--", "ls", cwd=tmp_path)
    assert (done.code, done.out) == (0, b"file\n")
    assert sorted(os.listdir(tmp_path)) == [".runnerlib", "file"]


def test_an_empty_directory_is_told_of(project: Path) -> None:
    done = run(project, "--job-file", "runnerlib.yaml", below=".")
    assert done.code == 0
    told = "warning: the job names no source and runs in the empty directory 'job/src'; --here"
    assert told in done.out.decode() + done.err
    again = run(project, "--job-file", "runnerlib.yaml", below=".")
    assert told not in again.out.decode() + again.err


def test_nothing_is_looked_for_in_a_container_and_in_a_step(project: Path) -> None:
    inside = run(project, "--here", "--job-command", f"{RUNNERLIB} run; {RUNNERLIB} run build")
    contained = runnerlib("run", cwd=project, REACTORCIDE_IN_CONTAINER="true")
    assert contained.code == 78
    assert contained.err.startswith("error: no command: give --job-command, REACTORCIDE_JOB_COMMAND")
    said = inside.out.decode()
    assert said.count("error: no command") == 1
    assert "error: unexpected 'build': the words of a command stand after '--'" in said
    assert not (project / "product").exists()


def test_a_link_is_no_place_for_logs(project: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (project / ".runnerlib").symlink_to(tmp_path / "elsewhere")
    done = run(project)
    assert done.code == 78
    assert "a link stands where the runner keeps its files" in done.err
    assert os.listdir(tmp_path / "elsewhere") == []


def test_a_first_file_is_written_and_runs(tmp_path: Path) -> None:
    (tmp_path / "Makefile").write_text("all:\n\techo made\ntest:\n\techo tested\n")
    tool("make")
    first = runnerlib("init", cwd=tmp_path)
    assert (first.code, first.out.decode().splitlines()[0]) == (0, "wrote runnerlib.yaml; found C (Makefile)")
    done = runnerlib("run", cwd=tmp_path)
    assert (done.code, done.out.count(b"made\n"), done.out.count(b"tested\n")) == (0, 2, 2)
    second = runnerlib("init", cwd=tmp_path)
    assert (second.code, second.err) == (
        78,
        "error: this project has 'runnerlib.yaml' already; --print shows what init would write\n",
    )
    assert runnerlib("init", "--print", cwd=tmp_path).out == (tmp_path / "runnerlib.yaml").read_bytes()


def test_the_files_of_the_project_are_checked(project: Path) -> None:
    done = runnerlib("validate", cwd=project / "src")
    assert (done.code, done.out) == (0, b"../runnerlib.yaml: a valid job\n")
    (project / "runnerlib.yaml").write_text("job: {steps: [{nam: a}]}\n")
    done = runnerlib("validate", cwd=project)
    assert (done.code, done.out) == (78, b"")
    assert done.err.startswith("error: runnerlib.yaml:1:")


def test_what_runs_have_left_is_removed_and_no_job_file(project: Path) -> None:
    (project / "runnerlib.yaml").rename(project / "job.yaml")
    (project / ".runnerlib").mkdir()
    (project / "job.yaml").rename(project / ".runnerlib" / "ci.yaml")
    assert run(project).code == 0
    (project / ".runnerlib" / "mine").touch()
    done = runnerlib("cleanup", cwd=project)
    assert (done.code, "holds 'mine', which no run has made" in done.err) == (125, True)
    (project / ".runnerlib" / "mine").unlink()
    done = runnerlib("cleanup", "-v", cwd=project / "src")
    assert (done.code, os.listdir(project / ".runnerlib")) == (0, ["ci.yaml"]), done.err
    assert (project / "product").exists()


def test_a_change_runs_it_again(project: Path) -> None:
    (project / "runnerlib.yaml").write_text("job: {name: j, steps: [{name: show, run: cat src/deep/text}]}\n")
    text = project / "src" / "deep" / "text"
    text.write_text("one\n")
    (project / "node_modules").mkdir()
    with started("run", "--watch", "show", cwd=text.parent) as watching:
        assert watching.stdout is not None
        assert watching.stderr is not None

        def until(words: str) -> None:
            """Read the lines of the watch up to one that ends with `words`."""
            assert watching.stderr is not None
            for line in watching.stderr:
                if line.decode().endswith(f"{words}\n"):
                    return
            raise AssertionError(f"no line '{words}'")

        until("Ctrl-C ends")
        (project / "node_modules" / "file").touch()
        text.write_text("two\n")
        until("'text' has changed")
        until("Ctrl-C ends")
        watching.send_signal(signal.SIGINT)
        assert watching.wait() == 130
        assert watching.stdout.read() == b"one\ntwo\n"
