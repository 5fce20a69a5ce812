"""Jobs and workflows that want more descriptors than the runner may have: the rest wait."""

from __future__ import annotations

import json
import resource
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.integration.cli import RUNNERLIB, environment


def limited(soft: int, hard: int | None) -> Callable[[], None]:
    before = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    return lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (soft, before if hard is None else hard))


def run(tmp_path: Path, soft: int, hard: int | None, *args: str) -> subprocess.CompletedProcess[bytes]:
    words = [RUNNERLIB, "run", "--max-parallel", "40", "--events", "events", *args]
    return subprocess.run(
        words, cwd=tmp_path, env=environment(), capture_output=True, check=False, preexec_fn=limited(soft, hard)
    )


def outcomes(tmp_path: Path) -> list[str]:
    events = map(json.loads, (tmp_path / "events").read_text().splitlines())
    return [event["outcome"] for event in events if event["type"] == "step_finished"]


@pytest.mark.parametrize(("soft", "hard"), [(128, None), (128, 128), (64, 64)])
def test_forty_steps_at_a_time(tmp_path: Path, soft: int, hard: int | None) -> None:
    """A soft limit is the steps' own; where the hard one is as low, they wait for each other."""
    steps = [{"name": f"s{n}", "run": f"test $(ulimit -Sn) = {soft}", "depends_on": []} for n in range(40)]
    (tmp_path / "job.yaml").write_text(json.dumps({"job": {"steps": steps}}))
    done = run(tmp_path, soft, hard, "--job-file", "job.yaml")
    assert (done.returncode, outcomes(tmp_path)) == (0, ["success"] * 40), done.stdout


@pytest.mark.parametrize(("soft", "hard"), [(128, None), (128, 128), (64, 64)])
def test_forty_jobs_at_a_time(tmp_path: Path, soft: int, hard: int | None) -> None:
    jobs = [{"name": f"j{n}", "command": f"test $(ulimit -Sn) = {soft}"} for n in range(40)]
    (tmp_path / "workflow.yaml").write_text(json.dumps({"workflow": {"name": "w", "jobs": jobs}}))
    done = run(tmp_path, soft, hard, "--workflow-file", "workflow.yaml")
    assert (done.returncode, outcomes(tmp_path)) == (0, ["success"] * 40), done.stdout
