"""The state of a run: its failures, and the warnings of its plans."""

from __future__ import annotations

from runnerlib.errors import OutputError, RunnerError
from runnerlib.events.result import JobResult
from runnerlib.runner.hooks import FailureLog, JobFailedError

FAILED = JobResult("job", exit_code=3, reason="step 'a': exit code 3", steps=(), started=0.0, ended=1.0)


def test_the_first_failure_is_that_of_the_run_and_later_errors_are_warnings() -> None:
    warned: list[str] = []
    failures = FailureLog(warned.append)
    first = RunnerError("the first")
    failures.add(first)
    failures.add(RunnerError("the second"))
    failures.add(JobFailedError(FAILED))
    failures.keep(OutputError("the reader is gone"))
    assert (failures.first, warned) == (first, ["the second"])


def test_the_failure_of_a_job_is_its_result_and_is_not_raised() -> None:
    warned: list[str] = []
    failures = FailureLog(warned.append)
    failures.add(JobFailedError(FAILED))
    failures.raise_first()
    failures.add(RunnerError("while it was delivered"))
    assert warned == ["while it was delivered"]
