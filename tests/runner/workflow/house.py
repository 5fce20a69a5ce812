"""Running workflows in tests, in this process, and remembering what is told of them."""

from __future__ import annotations

import os
from pathlib import Path

from runnerlib._util.cancellation import Stop
from runnerlib.config import read
from runnerlib.events import StepFinished, StepOutput, Warned, WorkflowFinished, WorkflowJobFinished
from runnerlib.events.result import StepResult, WorkflowResult
from runnerlib.pipeline.workflow import Workflow, parse
from runnerlib.runner.journal import Selection
from runnerlib.runner.request import RunRequest
from runnerlib.runner.services import services_for
from runnerlib.runner.workflow import WorkflowPlan, plan_workflow, run_planned
from tests.engine.harness import Recorder


def planned(workflow: Workflow | str, tmp_path: Path, selection: Selection | None = None, **env: str) -> WorkflowPlan:
    """The plan of a workflow, or of the text of a file, in the workspace `job` below `tmp_path`."""
    kept = {"XDG_STATE_HOME": os.environ["XDG_STATE_HOME"]}
    environ = {"PATH": os.environ["PATH"], "REACTORCIDE_IN_CONTAINER": "false", **kept, **env}
    made = parse(workflow, "w.yaml") if isinstance(workflow, str) else workflow
    request = RunRequest(read({"max_parallel": 4}, environ), (), environ, tmp_path, selection=selection)
    return plan_workflow(made, request, services_for(request.resolved))


class Ran:
    """One run: its result, and what was told."""

    def __init__(self, plan: WorkflowPlan, recorder: Recorder, result: WorkflowResult) -> None:
        self.plan = plan
        self.events = recorder.events
        self.result = result
        self.warnings = recorder.warnings

    @property
    def outcomes(self) -> dict[str, str]:
        return {job.name: job.outcome for job in self.result.jobs}

    def output(self, step: str) -> str:
        return b"".join(e.data for e in self.events if isinstance(e, StepOutput) and e.step == step).decode()

    @property
    def finished(self) -> list[StepResult]:
        return [event.result for event in self.events if isinstance(event, StepFinished)]

    @property
    def jobs_finished(self) -> list[StepResult]:
        return [event.result for event in self.events if isinstance(event, WorkflowJobFinished)]

    @property
    def told(self) -> WorkflowResult:
        (event,) = [event for event in self.events if isinstance(event, WorkflowFinished)]
        return event.result

    @property
    def everything(self) -> str:
        return repr(self.events)


def ran(
    workflow: Workflow | str,
    tmp_path: Path,
    selection: Selection | None = None,
    recorder: Recorder | None = None,
    stop: Stop | None = None,
    **env: str,
) -> Ran:
    """Run it to its end."""
    plan = planned(workflow, tmp_path, selection, **env)
    recorder = recorder or Recorder()
    return Ran(plan, recorder, run_planned(plan, recorder, stop=stop))


__all__ = ["Ran", "Recorder", "Warned", "planned", "ran"]
