"""Workflows from Python."""

from __future__ import annotations

from pathlib import Path

import pytest

import runnerlib
from runnerlib import ConfigError, Workflow
from tests.runner.workflow.house import Recorder


def two() -> Workflow:
    workflow = Workflow("two")
    workflow.add_job("a", "echo v=1 >> $RUNNERLIB_OUTPUT; exit ${CODE:-0}")
    workflow.add_job("b", 'echo "got $RUNNERLIB_OUTPUT_A_V"', depends_on="a")
    return workflow


def test_results_are_returned(tmp_path: Path) -> None:
    recorder = Recorder()
    result = runnerlib.run_workflow(two(), workspace=tmp_path / "w", observer=recorder)
    assert (result.success, result.job("a").outputs, recorder.output_of("b")) == (True, {"v": "1"}, b"got 1\n")
    with pytest.raises(KeyError):
        result.job("c")
    again = runnerlib.run_workflow(two(), workspace=tmp_path / "w", observer=Recorder(), resume=True)
    assert [job.cause for job in again.jobs] == ["restored", "restored"]


def test_a_failure_is_a_result(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    result = runnerlib.run_workflow(two(), workspace=tmp_path, job_env={"CODE": "5"})
    assert (result.exit_code, result.reason, result.job("b").outcome) == (5, "job 'a': exit code 5", "skipped")
    assert "workflow 'two' failed" in capfd.readouterr().out


def test_what_is_known_afterwards(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RUNNERLIB_WORKSPACE", str(tmp_path))
    runnerlib.run_workflow(two(), workspace=tmp_path, observer=Recorder(), job_env={"CODE": "5"})
    found = runnerlib.get_job_result("a")
    assert found is not None
    assert found["exit_code"] == 5
    assert runnerlib.get_job_result("b") is not None
    assert runnerlib.get_job_result("never") is None
    assert not runnerlib.is_job_running("a")


def test_what_is_wrong(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="a workflow needs at least one job"):
        runnerlib.run_workflow(Workflow("none"), workspace=tmp_path)
    with pytest.raises(ConfigError, match="cannot read the workflow file"):
        runnerlib.run_workflow(tmp_path / "gone.yaml", workspace=tmp_path)
    with pytest.raises(ConfigError, match="work_dir is for the command line"):
        runnerlib.run_workflow(two(), workspace=tmp_path, work_dir="/")  # type: ignore[call-arg]
    with pytest.raises(ConfigError, match="workflow_file is for the command line: give the file itself"):
        runnerlib.run_workflow(two(), workspace=tmp_path, workflow_file="x")  # type: ignore[call-arg]
    assert not list(tmp_path.iterdir())
