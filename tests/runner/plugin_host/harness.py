"""Plugins that write down what they are called for, and the modes in which a job can be run."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from runnerlib.api.call import Call
from runnerlib.cli._request import requested
from runnerlib.cli._session import Session
from runnerlib.events.result import JobResult
from runnerlib.pipeline.job import Job, Step
from runnerlib.plugins import Plugin, PluginContext, plugin_manager
from runnerlib.runner.planner import Planner, plan_job
from runnerlib.runner.request import RunRequest
from runnerlib.runner.run import preview, run_request
from runnerlib.runner.services import services_for
from tests.engine.harness import Recorder

PHASES = (
    *("pre_validation", "post_validation", "pre_source_prep", "post_source_prep", "pre_execution"),
    *("post_execution", "on_error", "cleanup"),
)
Act = Callable[[PluginContext], object]
Calls = list[tuple[str, str]]


class Noting(Plugin):
    """Notes every hook it is called for; does what `acts` says in some of them."""

    def __init__(self, name: str, calls: Calls, priority: int = 100, **acts: Act) -> None:
        super().__init__(name, priority)
        self.calls = calls
        self.acts = acts

    def _note(self, hook: str, context: PluginContext) -> None:
        self.calls.append((self.name, hook))
        self.acts.get(hook, lambda context: None)(context)


def _hook(name: str) -> Act:
    def hook(self: Noting, context: PluginContext) -> None:
        self._note(name, context)

    return hook  # type: ignore[return-value]


for _name in (*PHASES, "pre_step", "post_step"):
    setattr(Noting, _name, _hook(_name))


@contextmanager
def registered(*plugins: Plugin) -> Iterator[None]:
    """Register plugins in this process for a while."""
    try:
        for plugin in plugins:
            plugin_manager.register_plugin(plugin)
        yield
    finally:
        for plugin in plugins:
            plugin_manager.unregister_plugin(plugin.name)


class Clock:
    """The clock of the limits of hooks: it goes on by itself, or skips what nobody has to wait for."""

    def __init__(self) -> None:
        self.skipped = 0.0

    def __call__(self) -> float:
        return time.monotonic() + self.skipped


CLOCK = Clock()


def go_on(_context: PluginContext) -> None:
    """Never end, in Python code."""
    while True:
        time.sleep(0.001)


def hang(context: PluginContext) -> None:
    """Never end, and let the time for that be over."""
    CLOCK.skipped += 10_000
    go_on(context)


def terminate(context: PluginContext) -> None:
    """Let the process be told to stop, and wait for that."""
    os.kill(os.getpid(), 15)
    go_on(context)


HOST = {"PATH": os.environ["PATH"], "REACTORCIDE_IN_CONTAINER": "false"}
COMMAND, STEPS, PYTHON_JOB, PYTHON_COMMAND = "command", "job file", "Job from Python", "command from Python"
MODES = (COMMAND, STEPS, PYTHON_JOB, PYTHON_COMMAND)


def request(mode: str, directory: Path, command: str, **settings: str) -> RunRequest:
    """Return the request of a mode to the runner: one command, alone or as the only step of a job."""
    if mode == COMMAND:
        return requested(Session(()), None, {"job_command": command, **settings}, ())
    if mode == STEPS:
        (directory / "job.json").write_text(json.dumps({"job": {"steps": [{"name": "job", "run": command}]}}))
        return requested(Session(()), None, {"job_file": str(directory / "job.json"), **settings}, ())
    task = Job("job", [Step("job", command)]) if mode == PYTHON_JOB else command
    return Call(task, None, None, None, None, settings, HOST, directory).request()


def run(request: RunRequest, recorder: Recorder | None = None) -> JobResult:
    return run_request(request, services_for(request.resolved), observer=recorder or Recorder())


def foresee(request: RunRequest) -> None:
    with preview(Planner(request, services_for(request.resolved), plan_job)):
        pass
