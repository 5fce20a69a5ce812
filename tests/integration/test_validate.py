"""`runnerlib validate FILE…` as a real process, and what is said to words that stand before `--`."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.integration.cli import runnerlib

JOB = "job: {name: x, steps: [{name: a, run: 'true'}]}\n"
FLAT = "name: x\ncommand: 'true'\n"
WORKFLOW = "workflow: {jobs: [{name: a, command: 'true'}]}\n"
SETTINGS = "job_command: make\nprofiles: {nightly: {job_timeout: 7}}\n"
LAYOUT_JOB = "name: x\ntriggers: {events: [push]}\njob: {image: alpine, command: make, timeout: 60}\n"
LAYOUT_WORKFLOW = "on: push\njobs: [{name: a, command: 'true'}]\n"

RIGHT = {
    "job.yaml": (JOB, "job"),
    "flat.json": ('{"name": "x", "command": "true"}', "job"),
    "pipeline.yaml": (WORKFLOW, "workflow"),
    "settings.yaml": (SETTINGS, "configuration"),
    "one.yaml": ("code_dir: src\n", "configuration"),
    "chosen.yaml": ("job_file: job.yaml\noutput: raw\n", "configuration"),
    ".reactorcide/jobs/test.yaml": (LAYOUT_JOB, "job of .reactorcide"),
    ".reactorcide/workflows/ci.yaml": (LAYOUT_WORKFLOW, "workflow"),
    ".reactorcide/runnerlib.yaml": ("job_timeout: 600\n", "configuration of the CI source"),
}
WRONG = {
    "job.yaml": ("job: {steps: [{nmae: x, run: 'true'}]}\n", "unknown key 'nmae'"),
    "flat.yaml": ("name: x\ncomand: make\nimage: alpine\n", "unknown key 'comand'"),
    "waits.yaml": ("workflow: {jobs: [{name: a, command: x, depends_on: [b]}]}\n", "b"),
    "settings.yaml": ("job_command: make\njob_timeout: soon\n", "job_timeout"),
    "profile.yaml": ("job_command: make\nprofiles: {x: {job_timeot: 1}}\n", "did you mean 'job_timeout'?"),
    "other.yaml": ("wrkflow: {}\n", "no job, workflow or configuration: unknown key 'wrkflow'"),
    "list.yaml": ("- a\n", "mapping"),
    "nothing.yaml": ("", "the file is empty"),
    "noyaml.yaml": ("job: [", "not valid YAML"),
    ".reactorcide/jobs/test.yaml": ("name: x\ntriggers: {events: [pusj]}\njob: {command: x}\n", "did you mean 'push'?"),
    ".reactorcide/workflows/ci.yaml": ("on: push\njobs: [{nam: a}]\n", "did you mean 'name'?"),
    ".reactorcide/runnerlib.yaml": ("code_dir: /job/x\n", "before the CI source is there"),
}


def written(directory: Path, name: str, text: str) -> str:
    (directory / name).parent.mkdir(parents=True, exist_ok=True)
    (directory / name).write_text(text)
    return name


@pytest.mark.parametrize("name", RIGHT)
def test_a_right_file_of_each_kind(tmp_path: Path, name: str) -> None:
    text, kind = RIGHT[name]
    done = runnerlib("validate", written(tmp_path, name, text), cwd=tmp_path)
    assert (done.code, done.out.decode(), done.err) == (0, f"{name}: a valid {kind}\n", "")


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_file_of_each_kind(tmp_path: Path, name: str) -> None:
    text, said = WRONG[name]
    done = runnerlib("validate", written(tmp_path, name, text), cwd=tmp_path)
    assert (done.code, done.out) == (78, b"")
    assert said in done.err


def test_all_files_are_checked_and_all_mistakes_told(tmp_path: Path) -> None:
    for name, text in (("a.yaml", WRONG["job.yaml"][0]), ("b.yaml", JOB), ("c.yaml", WRONG["settings.yaml"][0])):
        written(tmp_path, name, text)
    done = runnerlib("validate", "a.yaml", "b.yaml", "c.yaml", "missing.yaml", cwd=tmp_path)
    assert (done.code, done.out) == (78, b"b.yaml: a valid job\n")
    assert [said in done.err for said in ("a.yaml:1", "c.yaml: job_timeout", "cannot read 'missing.yaml'")] == [
        True
    ] * 3


def test_files_and_the_configuration_of_a_run_at_once(tmp_path: Path) -> None:
    written(tmp_path, "job.yaml", JOB)
    done = runnerlib("validate", "job.yaml", "--job-timeout", "soon", "--", "true", cwd=tmp_path)
    assert (done.code, done.out) == (78, b"job.yaml: a valid job\n")
    done = runnerlib("validate", "job.yaml", "--job-timeout", "7", "--", "true", cwd=tmp_path)
    assert (done.code, done.out) == (0, b"job.yaml: a valid job\nthe configuration is valid\n")


MEANT = {
    ("ci.yaml",): "--job-file ci.yaml?",  # there is no such file
    ("job.yaml",): "--job-file job.yaml?",
    ("pipeline.yaml",): "--workflow-file pipeline.yaml?",
    ("settings.yaml",): "--config settings.yaml?",
    ("make", "all tests"): "-- make 'all tests'?",
}


@pytest.mark.parametrize("words", MEANT)
def test_words_before_the_dashes(tmp_path: Path, words: tuple[str, ...]) -> None:
    for name in ("job.yaml", "pipeline.yaml", "settings.yaml"):
        written(tmp_path, name, RIGHT[name][0])
    done = runnerlib("run", *words, cwd=tmp_path)
    assert (done.code, done.out) == (2, b"")
    assert done.err.endswith(f"did you mean {MEANT[words]}\n")


@pytest.mark.parametrize("before", [(), ("--mask-marker", "--"), ("--plan",), ("--dry-run",)])
def test_the_first_dashes_that_are_no_value_separate(tmp_path: Path, before: tuple[str, ...]) -> None:
    done = runnerlib("run", *before, "--", "echo", "--", "--dry-run", cwd=tmp_path)
    assert (done.code, "error" in done.err) == (0, False)
    if before in {(), ("--mask-marker", "--")}:
        assert done.out == b"-- --dry-run\n"


def test_a_workflow_given_as_a_job(tmp_path: Path) -> None:
    written(tmp_path, "pipeline.yaml", WORKFLOW)
    done = runnerlib("run", "--job-file", "pipeline.yaml", cwd=tmp_path)
    assert (done.code, done.err) == (
        78,
        "error: pipeline.yaml:1:1: 'workflow' is of a workflow: give this file as --workflow-file\n",
    )
