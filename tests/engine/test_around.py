"""The hooks before and after each step, alone: no plugin, no thread, on both loops."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

import pytest

from runnerlib.engine import JobRun, Limits
from runnerlib.errors import RunnerError
from runnerlib.events import StepStarted
from runnerlib.events.result import StepResult
from runnerlib.pipeline.job import Job, Retry, Step
from tests.engine.harness import PATIENT, NewLoop, Recorder, job_run, run_job


class VetoedError(RunnerError):
    exit_code = 9


async def _as_it_is(_step: Step, env: Mapping[str, str]) -> Mapping[str, str]:
    return env


async def _nothing(_step: Step, _result: StepResult) -> None:
    pass


@dataclass
class Say:
    """Remembers what it is asked, and answers as it is told to."""

    answer: Callable[[Step, Mapping[str, str]], Awaitable[Mapping[str, str]]] = _as_it_is
    hear: Callable[[Step, StepResult], Awaitable[None]] = _nothing
    asked: list[tuple[str, str]] = field(default_factory=list)

    async def before(self, step: Step, env: Mapping[str, str]) -> Mapping[str, str]:
        self.asked.append(("before", step.name))
        return await self.answer(step, env)

    async def after(self, step: Step, result: StepResult) -> None:
        self.asked.append((f"after {result.outcome}", step.name))
        await self.hear(step, result)


def test_each_step_that_runs_is_asked_about_once_whatever_its_attempts(new_loop: NewLoop) -> None:
    say = Say()
    again = Step("again", 'test "$RUNNERLIB_ATTEMPT" = 2', retry=Retry(max=2, backoff=0))
    steps = [again, Step("fails", "exit 3", depends_on=("again",)), Step("not", "true", depends_on=("fails",))]
    result, _ = run_job(new_loop, Job("job", steps), around=say)
    assert [step.attempts for step in result.steps] == [2, 1, 0]
    assert say.asked == [
        ("before", "again"),
        ("after success", "again"),
        ("before", "fails"),
        ("after failure", "fails"),
    ]


def test_a_step_has_the_environment_that_is_answered_and_others_do_not(new_loop: NewLoop) -> None:
    async def answer(step: Step, env: Mapping[str, str]) -> Mapping[str, str]:
        return {"A": "1", "PATH": "/bin"} if step.name == "one" else env

    show = "echo ${A-unset}-${B-unset}"
    steps = [Step("one", show), Step("two", show, depends_on=("one",))]
    _, recorder = run_job(new_loop, Job("job", steps), around=Say(answer), env={"B": "2", "PATH": "/bin:/usr/bin"})
    assert (recorder.output_of("one"), recorder.output_of("two")) == (b"1-unset\n", b"unset-2\n")


def test_an_environment_can_be_emptied(new_loop: NewLoop) -> None:
    async def empty(_step: Step, _env: Mapping[str, str]) -> Mapping[str, str]:
        return {}

    _, recorder = run_job(new_loop, Job("job", [Step("a", "echo ${A-unset}")]), around=Say(empty), env={"A": "1"})
    assert recorder.output_of("a") == b"unset\n"


def test_a_step_that_is_refused_does_not_start_and_nobody_hears_of_its_end(new_loop: NewLoop) -> None:
    async def refuse(_step: Step, _env: Mapping[str, str]) -> Mapping[str, str]:
        raise VetoedError("not on Fridays")

    say = Say(refuse)
    result, recorder = run_job(new_loop, Job("job", [Step("a", "echo ran")]), around=say)
    assert (result.exit_code, result.steps[0].reason, result.steps[0].cause) == (9, "not on Fridays", "runner")
    assert say.asked == [("before", "a")]
    assert not any(isinstance(event, StepStarted) for event in recorder.events)


@pytest.mark.parametrize(("command", "end"), [("true", (9, "bad news")), ("exit 3", (3, "exit code 3"))])
def test_an_objection_afterwards_counts_only_where_the_step_succeeded(
    command: str, end: tuple[int, str], new_loop: NewLoop
) -> None:
    async def object_to(_step: Step, _result: StepResult) -> None:
        raise VetoedError("bad news")

    result, _ = run_job(new_loop, Job("job", [Step("a", command)]), around=Say(hear=object_to))
    assert (result.exit_code, result.steps[0].reason) == end


def test_a_step_is_stopped_while_it_is_asked_about(new_loop: NewLoop) -> None:
    """The question is cancelled, and the step does not begin."""
    runs: list[JobRun] = []
    cancelled: list[bool] = []

    async def ask(_step: Step, env: Mapping[str, str]) -> Mapping[str, str]:
        runs[0].stop(15)
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled.append(True)
            raise
        return env

    result, recorder = run_job(new_loop, Job("job", [Step("a", "echo ran")]), prepare=runs.append, around=Say(ask))
    assert (result.exit_code, result.steps[0].outcome, recorder.output) == (143, "cancelled", b"")
    assert cancelled == [True]


@pytest.mark.parametrize("stops", [1, 2])
def test_who_hears_of_the_end_of_a_stopped_step_has_the_grace_time(stops: int, new_loop: NewLoop) -> None:
    """A second request to stop does not wait for that."""
    runs: list[JobRun] = []

    async def hear(_step: Step, _result: StepResult) -> None:
        for _ in range(stops):
            runs[0].stop(15)
        await asyncio.Event().wait()

    limits = Limits(grace=0.01, drain=60) if stops == 1 else PATIENT
    result, _ = run_job(
        new_loop, Job("job", [Step("a", "true")]), prepare=runs.append, around=Say(hear=hear), limits=limits
    )
    assert result.exit_code == 143


def test_the_whole_run_is_cancelled_while_a_step_is_asked_about(new_loop: NewLoop) -> None:
    async def main() -> list[tuple[str, str]]:
        asked = asyncio.Event()

        async def ask(_step: Step, env: Mapping[str, str]) -> Mapping[str, str]:
            asked.set()
            await asyncio.Event().wait()
            return env

        say = Say(ask)
        with job_run(Job("job", [Step("a", "echo ran")]), Recorder(), around=say) as run:
            running = asyncio.ensure_future(run.run())
            await asked.wait()
            running.cancel()
            with pytest.raises(asyncio.CancelledError):
                await running
        return say.asked

    with asyncio.Runner(loop_factory=new_loop) as loop:
        assert loop.run(main()) == [("before", "a")]
