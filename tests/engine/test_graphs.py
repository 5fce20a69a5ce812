"""Random graphs of steps: what the engine does against the reference."""

from __future__ import annotations

import os

import pytest
import uvloop
from hypothesis import given, settings
from hypothesis import strategies as st

from runnerlib.events import StepFinished, StepStarted
from runnerlib.pipeline.conditions import parse
from runnerlib.pipeline.job import Job, Retry, Step
from tests.engine.harness import run_job
from tests.engine.reference import expect, waits_for


@st.composite
def jobs(draw: st.DrawFn) -> tuple[Job, dict[str, tuple[int, int]]]:
    """A job, and which of its steps fail with which code how many times."""
    steps: list[Step] = []
    fails: dict[str, tuple[int, int]] = {}
    for number in range(draw(st.integers(1, 9))):
        name = f"s{number}"
        names = [step.name for step in steps]
        explicit = draw(st.booleans())
        depends_on = tuple(draw(st.sets(st.sampled_from(names), max_size=3))) if explicit and names else None
        if draw(st.integers(0, 2)) == 0:
            fails[name] = draw(st.integers(1, 255)), draw(st.integers(1, 3))
        code, times = fails.get(name, (0, 0))
        step = Step(
            name,
            f'test "$RUNNERLIB_ATTEMPT" -gt {times} || exit {code}',
            depends_on=depends_on,
            parallel=draw(st.booleans()),
            when=draw(st.sampled_from([None, None, None, "on_success", "on_failure", "always"])),
            required=draw(st.integers(0, 3)) > 0,
            retry=Retry(max=draw(st.integers(0, 2)), backoff=0),
            weight=draw(st.integers(1, 4)),
        )
        known = sorted(waits_for([*steps, step])[name])
        conditions = [None, None, "always()", "failure()", "success()", "env.GO == 'yes'", "env.GO == 'no'"]
        conditions += [f"steps.{other}.outcome == '{outcome}'" for other in known for outcome in ("success", "skipped")]
        steps.append(step._replace(condition=draw(st.sampled_from(conditions))))
    return Job("job", steps, env={"GO": "yes"}, max_parallel=draw(st.sampled_from([1, 1, 2, 3, 5]))), fails


@settings(max_examples=120, derandomize=True)
@given(jobs())
def test_random_graphs_agree_with_the_reference(case: tuple[Job, dict[str, tuple[int, int]]]) -> None:
    check(case)


@pytest.mark.slow
@settings(max_examples=5000)
@given(jobs())
def test_many_more_graphs_agree_with_the_reference(case: tuple[Job, dict[str, tuple[int, int]]]) -> None:
    check(case)


def check(case: tuple[Job, dict[str, tuple[int, int]]]) -> None:
    job, fails = case
    assert list(job.problems()) == []
    order, expected, exit_code = expect(job, fails)
    conditions = {step.name: parse(step.condition) for step in job.steps if step.condition}
    result, recorder = run_job(uvloop.new_event_loop, job, env={**os.environ, **job.env}, conditions=conditions)
    assert {s.name: (s.outcome, s.exit_code, s.attempts) for s in result.steps} == expected
    assert result.exit_code == exit_code
    started = [event.step for event in recorder.events if isinstance(event, StepStarted) and event.attempt == 1]
    assert sorted(started) == sorted(order)
    if job.max_parallel == 1:
        assert started == order
    _check_order(job, recorder.events)


def _check_order(job: Job, events: list[object]) -> None:
    """No step starts before all it waits for has ended, and the weights that run never exceed the limit."""
    before = waits_for(job.steps)
    weights = {step.name: step.weight for step in job.steps}
    ended: set[str] = set()
    running: set[str] = set()
    for event in events:
        if isinstance(event, StepStarted) and event.attempt == 1:
            assert before[event.step] <= ended
            running.add(event.step)
            assert len(running) == 1 or sum(weights[name] for name in running) <= (job.max_parallel or 0)
        elif isinstance(event, StepFinished):
            running.discard(event.result.name)
            ended.add(event.result.name)


@pytest.mark.parametrize("parallel", [1, 2, 8])
def test_a_long_chain(parallel: int) -> None:
    job = Job("job", [Step(f"s{number}", ("true",)) for number in range(100)], max_parallel=parallel)
    result, _ = run_job(uvloop.new_event_loop, job)
    assert result.success
    assert [step.started for step in result.steps] == sorted(step.started for step in result.steps)
