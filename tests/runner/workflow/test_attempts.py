"""Further attempts at whole jobs, jobs that may fail, and limits of the runs of one job."""

from __future__ import annotations

from pathlib import Path

import pytest

from runnerlib.config import SETTINGS
from runnerlib.errors import ConfigError
from runnerlib.events import StepFinished, StepRetrying, StepStarted
from runnerlib.pipeline.job import Retry, Step
from runnerlib.pipeline.workflow import Workflow
from tests.runner.workflow.house import planned, ran

# It succeeds at the attempt whose number it is given; the marks lie beside the workspaces.
COUNTED = 'echo >> "{0}"; test "$(wc -l < "{0}")" -ge {1} || exit {2}'


def test_a_whole_job_is_tried_again(tmp_path: Path) -> None:
    made, marks = Workflow("w"), tmp_path / "marks"
    steps = [Step("first", "true"), Step("second", COUNTED.format(marks, 3, 7)), Step("third", "true")]
    made.add_job("a", steps=steps, retry=Retry(max=2, backoff=0))
    made.add_job("b", "true", depends_on="a")
    done = ran(made, tmp_path / "w")
    assert done.outcomes == {"a": "success", "b": "success"}
    assert (done.result.job("a").attempts, done.result.success) == (3, True)
    events = done.events
    started = [(one.step, one.attempt) for one in events if isinstance(one, StepStarted) and one.step != "b"]
    assert started[:5] == [("a/first", 1), ("a/second", 1), ("a/first", 2), ("a/second", 2), ("a/first", 3)]
    assert started[5:] == [("a/second", 3), ("a/third", 1)]
    ends = [(one.result.name, one.result.attempts) for one in events if isinstance(one, StepFinished)]
    assert ends[:3] == [("a/first", 3), ("a/second", 3), ("a/third", 1)]
    again = [(one.step, one.attempt) for one in events if isinstance(one, StepRetrying)]
    assert again == [("a/first", 1), ("a/second", 1), ("a/first", 2), ("a/second", 2)]


@pytest.mark.parametrize(("retry", "attempts"), [(Retry(3, 0, exit_codes=(7,)), 1), (Retry(1, 0), 2), (0, 1)])
def test_attempts_are_as_many_as_the_retry_says(tmp_path: Path, retry: Retry | int, attempts: int) -> None:
    made = Workflow("w")
    made.add_job("a", "exit 3", retry=retry)
    done = ran(made, tmp_path)
    assert (done.result.exit_code, done.result.job("a").attempts) == (3, attempts)


def test_a_job_that_may_fail_is_a_success_for_what_waits_for_it(tmp_path: Path) -> None:
    made = Workflow("w")
    made.add_job("a", "exit 3", allow_failure=True)
    made.add_job("b", "true", depends_on="a")
    made.add_job("c", "true", depends_on="a", condition="any_failed")
    made.add_job("d", "true", depends_on="a", condition="jobs.a.outcome == 'failure'")
    done = ran(made, tmp_path)
    assert done.outcomes == {"a": "failure", "b": "success", "c": "skipped", "d": "success"}
    assert (done.result.exit_code, done.result.job("a").required) == (0, False)


def test_the_first_failure_ends_the_other_runs(tmp_path: Path) -> None:
    made, up = Workflow("w"), tmp_path / "up"
    # The first fails once the second runs; the third waits for room.
    command = f"case $ITEM in a) until test -e {up}; do sleep 0.01; done; exit 3;; *) > {up}; exec sleep 100000;; esac"
    made.add_job("a", command, for_each=["a", "b", "c"], fail_fast=True, max_runs=2)
    done = ran(made, tmp_path / "w")
    assert done.outcomes == {"a[0]": "failure", "a[1]": "cancelled", "a[2]": "cancelled"}
    assert done.result.exit_code == 3
    assert done.result.job("a[2]").reason == "'a (a)' has failed, and the job has fail_fast"


def test_the_runs_of_a_job_are_limited_and_others_overtake_them(tmp_path: Path) -> None:
    made, lock = Workflow("w"), tmp_path / "lock"
    # Two at a time would find the lock taken; the last job lets the first run end.
    wait = f'test "$MATRIX_A" != 1 || until test -e {tmp_path}/go; do sleep 0.01; done'
    made.add_job("a", f"mkdir {lock} && {wait}; rmdir {lock}", matrix={"a": [1, 2, 3], "max_parallel": 1})
    made.add_job("b", f"> {tmp_path}/go")
    done = ran(made, tmp_path / "w")
    assert set(done.outcomes.values()) == {"success"}
    assert made.jobs[0].max_runs == 1


def test_what_makes_no_sense_is_told(tmp_path: Path) -> None:
    made = Workflow("w")
    made.add_job("a", "true", retry=Retry(1, pattern="x"), fail_fast=True)
    made.add_job("b", "true", retry=101, max_runs=0, for_each=[1])
    with pytest.raises(ConfigError) as caught:
        made.check()
    assert str(caught.value).splitlines() == [
        "workflow 'w': job 'a': retry: a pattern is searched in the output of a step; give the step the retry",
        "workflow 'w': job 'a': fail_fast: is for a job with 'for_each' or 'matrix', which has several runs",
        "workflow 'w': job 'b': retry: max is from 0 to 100, got 101",
        "workflow 'w': job 'b': max_runs: a whole number, 1 or more, is expected, got 0",
    ]


def test_a_fleet_does_not_try_a_job_again(tmp_path: Path) -> None:
    made = Workflow("w")
    made.add_job("a", "true", retry=1)
    with pytest.raises(ConfigError, match="job 'a': the workers of a fleet do not try a whole job again yet"):
        planned(made, tmp_path, None, **{SETTINGS["fleet"].variable: "nats://127.0.0.1:1"})
