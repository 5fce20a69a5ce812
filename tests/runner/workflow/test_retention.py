"""Artifacts that are older than their job lets them be."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from runnerlib.errors import ConfigError
from runnerlib.pipeline.workflow import Workflow, parse
from runnerlib.runner.journal import Selection
from tests.runner.workflow.house import ran


def test_a_later_run_removes_them_and_resume_keeps_them_anew(tmp_path: Path) -> None:
    made, count = Workflow("w"), tmp_path / "count"
    made.add_job("a", f"echo >> {count}; echo x > f; echo y > ../g", upload="f", retention=3600)
    made.add_job("b", "false", depends_on="a")
    store = tmp_path / "job/artifacts/jobs/a"

    def again(resume: bool) -> tuple[int, bool]:
        ran(made, tmp_path, Selection(resume=resume))
        return count.read_text().count("\n"), (store / "f").exists()

    assert again(False) == (1, True)
    assert again(True) == (1, True)
    os.utime(store, (0, 0))
    assert again(True) == (1, True)  # its steps need not run again: their files are there
    assert store.stat().st_mtime > 0
    os.utime(store, (0, 0))
    ran(made, tmp_path, Selection(skip=("a",)))
    assert not store.exists()


def test_what_makes_no_sense_is_told() -> None:
    with pytest.raises(ConfigError) as caught:
        parse("jobs: [{name: a, command: x, artifacts: {retention: 0s}}]", "w")
    assert [line.partition(": ")[2] for line in str(caught.value).splitlines()] == [
        "artifacts: retention: more than 0 seconds are expected, got 0",
        "artifacts: retention: the job uploads nothing",
    ]
