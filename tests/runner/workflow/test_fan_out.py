"""Runs of a job that an earlier job names in its output."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from runnerlib.errors import ConfigError
from runnerlib.events import StepFinished
from runnerlib.pipeline.workflow import Workflow, parse
from tests.integration.cli import runnerlib
from tests.runner.workflow.house import planned, ran


def writing(output: str) -> str:
    return f"printf 'x=%s\\n' '{output}' >> \"$RUNNERLIB_OUTPUT\""


def test_a_list_and_a_matrix_of_an_earlier_job(tmp_path: Path) -> None:
    made = Workflow("w")
    made.add_job("plan", writing('[{"os": "linux"}, "b"]'))
    made.add_job("grid", writing('{"a": [1, 2], "b": "z", "exclude": [{"a": 2}], "max_parallel": 1}'))
    each = 'echo "$ITEM|$ITEM_OS"; echo "done=$ITEM" >> $RUNNERLIB_OUTPUT'
    made.add_job("each", each, depends_on="plan", for_each="jobs.plan.outputs.x")
    made.add_job("cells", 'echo "$MATRIX_A$MATRIX_B"', depends_on="grid", matrix='jobs["grid"].outputs.x')
    made.add_job("after", 'echo "$RUNNERLIB_OUTPUT_EACH_DONE"', depends_on=["each", "cells"])
    done = ran(made, tmp_path)
    assert done.outcomes == dict.fromkeys(("plan", "grid", "each", "cells", "after"), "success"), done.result
    assert (done.output("each[0]"), done.output("each[1]")) == ('{"os": "linux"}|linux\n', "b|\n")
    assert (done.output("cells[0]"), done.output("after")) == ("1z\n", "b\n")
    assert {"each[0]", "each[1]"} <= {one.result.name for one in done.events if isinstance(one, StepFinished)}


@pytest.mark.parametrize(
    ("key", "output"),
    [("for_each", '["${secret:ci:t}", {"a": "${secret:ci:t}"}]'), ("matrix", '{"a": ["${secret:ci:t}"]}')],
)
def test_what_a_step_has_written_refers_to_no_secret(key: str, output: str, tmp_path: Path) -> None:
    secret = {"REACTORCIDE_SECRET_PROVIDERS": "env", "SECRET_CI__T": "swordfish-swordfish"}
    made = Workflow("w")
    made.add_job("plan", "true", env={"SEEN": "${secret:ci:t}"})
    made.add_job("named", writing(output.replace("'", "'\\''")), depends_on="plan")
    made.add_job("each", "env | rev", depends_on="named", **{key: "jobs.named.outputs.x"})
    done = ran(made, tmp_path, **secret)
    assert done.result.success, done.result
    shown = "".join(done.output(run) for run in ("each[0]", "each[1]"))
    assert "secret:ci:t"[::-1] in shown
    assert "swordfish"[::-1] not in shown


def test_a_job_alone_runs_whose_runs_an_output_names(tmp_path: Path) -> None:
    command = writing("[1, 2]")
    jobs = {"plan": {"command": command}, "t": {"command": "true", "needs": "plan", "for_each": "jobs.plan.outputs.x"}}
    jobs["after"] = {"command": "true", "needs": "t"}
    (tmp_path / "w.yaml").write_text(json.dumps({"jobs": jobs}))
    for job, following in (("plan", "t"), ("t", "after")):
        done = runnerlib("run", "--workflow-file", "w.yaml", "--work-dir", str(tmp_path), "--job", job, cwd=tmp_path)
        assert done.code == 0, done.err
        assert f"--job {following} " in done.out.decode()


@pytest.mark.parametrize(
    ("output", "outcome", "reason"),
    [
        ("[]", "skipped", "the output 'x' of job 'plan' names nothing to run for"),
        ("{}", "failure", "for_each: the output 'x' of job 'plan' is no JSON list"),
        ("[1", "failure", "for_each: the output 'x' of job 'plan' is no JSON"),
        (None, "failure", "for_each: the output 'x' of job 'plan' was not written"),
    ],
)
def test_an_output_that_names_no_runs(output: str | None, outcome: str, reason: str, tmp_path: Path) -> None:
    made = Workflow("w")
    made.add_job("plan", "true" if output is None else writing(output))
    made.add_job("each", "true", depends_on="plan", for_each="needs.plan.outputs.x")
    result = ran(made, tmp_path).result.job("each")
    assert (result.outcome, result.reason) == (outcome, reason)


def test_one_run_that_fails_fails_the_job_and_may_end_the_others(tmp_path: Path) -> None:
    made, up = Workflow("w"), tmp_path / "up"
    command = f"case $ITEM in 1) until test -e {up}; do sleep 0.01; done; exit 3;; *) > {up}; exec sleep 100000;; esac"
    made.add_job("plan", writing("[1, 2, 3]"))
    made.add_job("each", command, depends_on="plan", for_each="jobs.plan.outputs.x", fail_fast=True, max_runs=2)
    done = ran(made, tmp_path / "w")
    assert (done.outcomes["each"], done.result.exit_code) == ("failure", 3)


def test_mistakes_are_told_beforehand(tmp_path: Path) -> None:
    text = """
jobs:
  plan: {command: x}
  a: {command: x, for_each: jobs.paln.outputs.x, needs: plan}
  b: {command: x, matrix: jobs.plan.outputs.x}
  c: {command: x, for_each: plan.outputs.x}
  d: {command: x, for_each: jobs.plan.outputs.x, needs: plan, artifacts: {upload: f}}
"""
    with pytest.raises(ConfigError) as caught:
        parse(text, "w")
    assert [line.partition(": ")[2] for line in str(caught.value).splitlines()] == [
        "for_each: unknown job 'paln'; did you mean 'plan'?",
        "matrix: this job does not wait for 'plan'; name it in depends_on",
        "for_each: a list is expected, or jobs.NAME.outputs.KEY for one that an earlier job writes, got a text",
        "artifacts: upload: the runs of the job are not known beforehand, so nobody could get them",
    ]
    with pytest.raises(ConfigError, match=r"a list is expected, or jobs\.NAME\.outputs\.KEY"):
        Workflow("w").add_job("a", "true", for_each="abc")
    made = Workflow("w")
    made.add_job("plan", "true")
    made.add_job("a", "true", depends_on="plan", for_each="jobs.plan.outputs.x")
    with pytest.raises(ConfigError, match="job 'a': a fleet takes no for_each from an output yet"):
        planned(made, tmp_path, None, REACTORCIDE_FLEET="nats://127.0.0.1:1")
