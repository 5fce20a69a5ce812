"""Workflows from Python: nothing that is said of a job is dropped."""

from __future__ import annotations

from typing import Any

import pytest

from runnerlib import ConfigError, Job, Retry, Step, Workflow
from runnerlib.pipeline.workflow import Approval, Download, WorkflowJob

STEPS = [Step("s", "true")]

FIELDS: dict[str, tuple[Any, Any]] = {
    "image": ("alpine", "alpine"),
    "depends_on": ("a", ("a",)),
    "condition": ("always", "always"),
    "for_each": ([1, 2], (1, 2)),
    "item_var": ("WHAT", "WHAT"),
    "matrix": ({"os": ["a"]}, {"os": ("a",)}),
    "priority": (3, 3),
    "settings": ({"code_dir": "/job/x"}, {"code_dir": "/job/x"}),
    "upload": ("out/**", ("out/**",)),
    "if_no_files": ("warn", "warn"),
    "download": ("a", (Download("a"),)),
    "outputs": (["digest"], {"digest": ""}),
    "resources": ({"cpus": 1}, {"cpus": 1}),
    "runs_on": (["linux"], ("linux",)),
    "description": ("text", "text"),
    "retry": (2, Retry(2)),
    "allow_failure": (True, True),
    "fail_fast": (True, True),
    "max_runs": (2, 2),
    "retention": (60, 60),
    "approve": ("sure?", Approval("sure?")),
    "env": ({"B": "2"}, {"A": "1", "B": "2"}),
    "timeout": (5, 5),
}


def given(how: str) -> str | Job | WorkflowJob:
    body = Job("b", STEPS, env={"A": "1"}, timeout=9, max_parallel=7)
    return {"Job": body, "WorkflowJob": WorkflowJob("b", body)}[how]


@pytest.mark.parametrize("how", ["Job", "WorkflowJob"])
@pytest.mark.parametrize("key", FIELDS)
def test_what_is_said_beside_a_job_counts(how: str, key: str) -> None:
    value, expected = FIELDS[key]
    workflow, job = Workflow("ci"), given(how)
    added = workflow.add_job(job, **{key: value})
    assert getattr(added, key) == expected
    assert workflow.jobs == [added]
    assert added.body.steps == STEPS
    assert added.body.max_parallel == 7
    before = job if isinstance(job, Job) else job.body
    assert (before.env, before.timeout) == ({"A": "1"}, 9), "the job that was given is another one's, too"


def test_all_fields_are_among_them() -> None:
    assert {*FIELDS, "on", "remote", "name", "body", "command", "origins", "fan_out"} == {
        *WorkflowJob._fields,
        "env",
        "timeout",
    }


@pytest.mark.parametrize("how", ["Job", "WorkflowJob"])
@pytest.mark.parametrize("keys", [{"command": "true"}, {"command": ["true"]}, {"steps": STEPS}, {"working_dir": "x"}])
def test_what_it_would_not_run_is_refused(how: str, keys: dict[str, Any]) -> None:
    workflow = Workflow("ci")
    with pytest.raises(ConfigError, match=f"job 'b': it has steps already, got '{next(iter(keys))}' beside them"):
        workflow.add_job(given(how), **keys)
    assert workflow.jobs == []


def test_the_directory_of_a_command_is_not_one_of_steps() -> None:
    assert Workflow().add_job("a", "true", working_dir="/job/x").body.steps[0].working_dir == "/job/x"
    with pytest.raises(ConfigError, match="job 'a': working_dir is that of a command; each step has its own"):
        Workflow().add_job("a", steps=STEPS, working_dir="/job/x")


def test_what_is_no_job_is_refused() -> None:
    with pytest.raises(ConfigError, match="add_job: a name, a Job or a WorkflowJob is expected, got a Step"):
        Workflow().add_job(STEPS[0])  # type: ignore[arg-type]
