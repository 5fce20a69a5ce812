"""A trusted CI source beside files of others: who may widen its bounds, and what its own code may write."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.attacks.test_attacks import needs_landlock
from tests.integration.cli import runnerlib

SOURCES = ("--source-type", "copy", "--source-url", "app", "--ci-source-type", "copy", "--ci-source-url", "trusted")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    for name, files in {"app": {"f": ""}, "trusted": {"run.py": "import near\n", "near.py": "print('near')\n"}}.items():
        (tmp_path / name).mkdir()
        for file, text in files.items():
            (tmp_path / name / file).write_text(text)
    return tmp_path


def step(run: str, **keys: object) -> dict[str, object]:
    return {"name": "s", "run": run, **keys}


@needs_landlock
@pytest.mark.parametrize("kind", ["job", "workflow"])
def test_a_file_of_the_source_cannot_widen_the_sandbox(kind: str, project: Path) -> None:
    steps = [step("echo evil >../ci/new", sandbox="off")]
    body = {"job": {"steps": steps}, "workflow": {"name": "w", "jobs": [{"name": "a", "steps": steps}]}}
    (project / "app/file.json").write_text(json.dumps({kind: body[kind]}))
    done = runnerlib("run", *SOURCES, f"--{kind}-file", "source:file.json", cwd=project)
    assert done.code != 0
    assert "which cannot ask for sandbox 'off'" in done.out.decode() + done.err
    assert not list(project.glob("**/ci/new"))


@needs_landlock
def test_a_change_from_a_fork_cannot_widen_it_without_a_ci_source(project: Path) -> None:
    (project / "app/file.json").write_text(json.dumps({"job": {"steps": [step("echo x >../new", sandbox="off")]}}))
    words = (*SOURCES[:4], "--job-file", "source:file.json", "--sandbox", "strict")
    done = runnerlib("run", *words, cwd=project, REACTORCIDE_IS_FORK_PR="true")
    assert "which cannot ask for sandbox 'off'" in done.out.decode() + done.err
    assert not (project / "job/new").exists()


@needs_landlock
def test_the_output_of_a_bounded_job_goes_to_its_own_file_only(project: Path) -> None:
    say = "echo '{\"jobs\": []}' >$RC_WF_OUTPUT_FILE"
    job = {"env": {"RC_WF_OUTPUT_FILE": str(project / "job/triggers.json")}, "steps": [step(say)]}
    (project / "app/file.json").write_text(json.dumps({"job": job}))
    runnerlib("run", *SOURCES, "--job-file", "source:file.json", cwd=project)
    assert not (project / "job/triggers.json").exists()


@pytest.mark.parametrize("sandbox", ["auto", "off"])
def test_code_of_the_ci_source_imports_its_neighbours(sandbox: str, project: Path) -> None:
    done = runnerlib("run", *SOURCES, "--sandbox", sandbox, "--job-command", "python3 ../ci/run.py", cwd=project)
    assert (done.code, done.out) == (0, b"near\n")


def test_a_job_that_runs_in_its_only_source_writes_there(project: Path) -> None:
    words = (*SOURCES[4:], "--job-dir", "/job/ci", "--job-command", "echo x >new && cat new")
    done = runnerlib("run", *words, cwd=project)
    assert (done.code, done.out) == (0, b"x\n")


@needs_landlock
def test_what_an_untrusted_step_leaves_at_home_reaches_no_strict_one(project: Path) -> None:
    """A file of settings there would decide which programs the other runs."""
    steps = [
        step("echo evil >~/.profile; echo evil >$TMPDIR/f", untrusted=True),
        {"name": "t", "run": "cat ~/.profile $TMPDIR/f 2>/dev/null; echo done"},
    ]
    (project / "file.json").write_text(json.dumps({"job": {"steps": steps}}))
    words = ("--sandbox", "strict", "--job-file", "file.json", "--log-stream", "split", "--output", "raw")
    done = runnerlib("run", *words, cwd=project)
    assert (done.code, done.out) == (0, b"done\n")
