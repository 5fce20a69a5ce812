"""Steps for which the system has no room at a time: they wait, and end as ever."""

from __future__ import annotations

import os
import resource
import signal
from collections.abc import Iterator
from itertools import islice

import pytest

from runnerlib.engine import JobRun, Limits
from runnerlib.events import StepStarted
from runnerlib.pipeline.job import Job, Step
from tests.engine.harness import NewLoop, Recorder, run_job

LIMIT = resource.getrlimit(resource.RLIMIT_NOFILE)
WAITS = "cannot start a process: Too many open files; steps wait until others have ended"


@pytest.fixture(autouse=True)
def restored() -> Iterator[None]:
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, LIMIT)


def leave(count: int) -> None:
    """Leave so many descriptors. The supervisor has raised the limit, so this is as a hard one."""
    used = set(map(int, os.listdir("/proc/self/fd")))
    free = (number for number in range(LIMIT[1]) if number not in used)
    resource.setrlimit(resource.RLIMIT_NOFILE, (next(islice(free, count, None)), LIMIT[1]))


def few_left(_run: JobRun) -> None:
    leave(40)


def test_more_steps_than_fit(new_loop: NewLoop) -> None:
    names = [f"s{number}" for number in range(40)]
    job = Job("job", [Step(name, f"echo {name}", depends_on=[]) for name in names], max_parallel=40)
    result, recorder = run_job(new_loop, job, prepare=few_left)
    assert [step.outcome for step in result.steps] == ["success"] * 40
    assert recorder.warnings == [WAITS]
    assert sorted(recorder.output.decode().split()) == sorted(names)
    assert [event.step for event in recorder.events if isinstance(event, StepStarted)] == names


@pytest.mark.parametrize("end", ["stopped", "out of time"])
def test_those_that_wait_end_with_the_job(new_loop: NewLoop, end: str) -> None:
    recorder = Recorder()

    def prepare(run: JobRun) -> None:
        few_left(run)
        if end == "stopped":
            recorder.on_output = lambda _data: run.stop(signal.SIGTERM)

    steps = [Step(f"s{number}", "echo; exec sleep 1000", depends_on=[]) for number in range(40)]
    timeout = 1 if end == "out of time" else None
    job = Job("job", steps, max_parallel=40, timeout=timeout)
    result, _ = run_job(new_loop, job, recorder, prepare, limits=Limits(grace=60, drain=60))
    assert result.exit_code == (143 if end == "stopped" else 124)
    assert {step.outcome for step in result.steps} == {"cancelled" if end == "stopped" else "failure"}


def test_one_step_that_does_not_fit_fails(new_loop: NewLoop) -> None:
    result, recorder = run_job(new_loop, Job("job", [Step("a", "true")]), prepare=lambda _run: leave(3))
    assert (result.exit_code, recorder.warnings) == (125, [])
    assert result.steps[0].reason == "cannot start a process: Too many open files"
