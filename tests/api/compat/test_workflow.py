"""A pipeline as Reactorcide's own are written: its names, its calls."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from runnerlib.api.compat.workflow import WorkflowContext, flush_triggers, is_job_running, trigger_job, workflow_context


def test_a_pipeline_of_reactorcide(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    trigger_job("build", env={"A": "1"}, container_image="alpine", job_command="make", timeout=60)
    trigger_job("deploy", depends_on=["build"], condition="all_success")
    flush_triggers()
    with workflow_context(triggers_file=str(tmp_path / "other.json")) as context:
        assert isinstance(context, WorkflowContext)
        context.trigger_job("notify")
    names = [
        [job["job_name"] for job in json.loads(path.read_bytes())["jobs"]]
        for path in (tmp_path / "job" / "triggers.json", tmp_path / "other.json")
    ]
    assert names == [["build", "deploy"], ["notify"]]
    assert callable(is_job_running)
