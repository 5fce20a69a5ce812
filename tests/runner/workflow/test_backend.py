"""The contract of a backend: one that starts no process runs a whole workflow, and stops it."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from runnerlib.events import Observer, StepFinished, StepOutput, StepRetrying, StepStarted
from runnerlib.events.result import StepResult, WorkflowResult
from runnerlib.pipeline.surroundings import Surroundings
from runnerlib.pipeline.workflow import Instance, Workflow
from runnerlib.runner.workflow.backend import JobInputs, JobOutcome
from runnerlib.runner.workflow.job_outputs import JobOutputs
from runnerlib.runner.workflow.resume import ResumeState
from runnerlib.runner.workflow.scheduler import WorkflowRun
from tests.runner.workflow.house import Recorder, planned

NewLoop = Callable[[], asyncio.AbstractEventLoop]


class DummyJob:
    """A job that reports what a process would have done; `hangs` runs until it is stopped."""

    def __init__(self, instance: Instance, known: JobInputs, names: Mapping[str, str], observer: Observer) -> None:
        self.instance, self.known, self.names, self.observer = instance, known, names, observer
        self.stopped = asyncio.Event()
        self.signals: list[int] = []

    async def run(self) -> JobOutcome:
        name = self.instance.name
        for shown in self.names.values():
            self.observer.observe(StepStarted(shown, "true"))
            self.observer.observe(StepOutput(shown, f"{name} runs\n".encode()))
            if name == "flaky":
                self.observer.observe(StepRetrying(shown, 1, "exit code 1", 0.0))
                self.observer.observe(StepStarted(shown, "true", 2))
        if name == "hangs":
            await self.stopped.wait()
        outcome, code = {"fails": ("failure", 3), "hangs": ("cancelled", 143)}.get(name, ("success", 0))
        attempts = 2 if name == "flaky" else 1
        result = StepResult(name, outcome=outcome, exit_code=code, attempts=attempts, started=1.0, ended=2.0)  # type: ignore[arg-type]
        for shown in self.names.values():
            self.observer.observe(StepFinished(result._replace(name=shown)))
        return JobOutcome(result, JobOutputs({}, {f"of_{name}": len(self.known.before)}))

    def stop(self, signum: int, *, at_once: bool = False) -> None:
        self.signals.append(signum)
        self.stopped.set()


class DummyBackend:
    """Makes dummy jobs, and remembers them."""

    def __init__(self) -> None:
        self.jobs: dict[str, DummyJob] = {}

    def job(
        self, instance: Instance, known: JobInputs, names: Mapping[str, str], shown: str, observer: Observer
    ) -> DummyJob:
        self.jobs[instance.name] = DummyJob(instance, known, names, observer)
        return self.jobs[instance.name]


def twenty(*, hangs: bool) -> Workflow:
    """Twenty jobs: a chain of twelve, one that fails, two behind it, one that is retried, one that is left out, …"""
    made = Workflow("ci")
    for number in range(12):
        made.add_job(f"link{number}", "true", depends_on=[f"link{number - 1}"] if number else [])
    made.add_job("fails", "true", depends_on=["link3"])
    made.add_job("after", "true", depends_on=["fails"])
    made.add_job("rescue", "true", depends_on=["fails"], condition="any_failed")
    made.add_job("flaky", "true")
    made.add_job("never", "true", condition="branch == 'no such branch'")
    made.add_job("hangs" if hangs else "ends", "true", depends_on=["flaky"])
    made.add_job("always", "true", depends_on=["fails"], condition="always")
    made.add_job("last", "true", depends_on=["link11", "flaky"])
    return made


def run(workflow: Workflow, tmp_path: Path, new_loop: NewLoop, *, stop: bool) -> tuple[WorkflowResult, DummyBackend]:
    plan = planned(workflow, tmp_path)
    plan.front.workspace.base.mkdir()
    backend, memory = DummyBackend(), ResumeState(plan)

    async def main() -> WorkflowResult:
        walk = WorkflowRun(plan, memory, backend, Surroundings(), Recorder(), tmp_path / "job/.runnerlib/jobs")
        running = asyncio.ensure_future(walk.run())
        while stop and "hangs" not in backend.jobs and not running.done():
            await asyncio.sleep(0)
        if stop:
            walk.stop(signal.SIGTERM)
        return await running

    try:
        with asyncio.Runner(loop_factory=new_loop) as loop:
            return loop.run(main()), backend
    finally:
        memory.close()


@pytest.mark.parametrize("stop", [False, True])
def test_twenty_jobs_without_a_process(tmp_path: Path, new_loop: NewLoop, stop: bool) -> None:
    result, backend = run(twenty(hangs=stop), tmp_path, new_loop, stop=stop)
    outcomes = {job.name: job.outcome for job in result.jobs}
    assert len(outcomes) == 20
    assert outcomes["never"] == "skipped"
    if stop:
        assert (result.exit_code, outcomes["hangs"], backend.jobs["hangs"].signals) == (143, "cancelled", [15])
        return
    assert result.exit_code == 3
    assert {name for name, outcome in outcomes.items() if outcome != "success"} == {"fails", "after", "never"}
    assert outcomes["after"] == "skipped"
    assert [job.attempts for job in result.jobs if job.name == "flaky"] == [2]
    assert backend.jobs["last"].known.vars["of_link11"] == 11
