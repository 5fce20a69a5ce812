"""Plugins in the jobs of a workflow: each job has its own life, with all phases."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from runnerlib.events import StepFinished, WorkflowFinished
from runnerlib.plugins import Plugin, PluginContext, Watcher
from tests.integration.cli import runnerlib
from tests.runner.plugin_host.harness import CLOCK, Calls, Noting, registered
from tests.runner.plugin_host.test_sequence import EARLY, FAILURES, LATE, OUTCOMES, RUN, all_three
from tests.runner.workflow.house import Ran, ran


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("runnerlib.plugins.deadline.monotonic", CLOCK)


def workflow(*commands: str) -> str:
    jobs = [{"name": f"job{number}", "command": command} for number, command in enumerate(commands)]
    return json.dumps({"workflow": {"name": "w", "jobs": jobs}})


def three(calls: Calls, **acts: object) -> list[Plugin]:
    return [Noting("c", calls), Noting("acting", calls, 50, **acts), Noting("first", calls, 1)]  # type: ignore[arg-type]


def environment(settings: dict[str, str]) -> dict[str, str]:
    return {f"REACTORCIDE_{name.upper()}": value for name, value in settings.items()}


@pytest.mark.parametrize("outcome", sorted(set(OUTCOMES) - {"SIGTERM in the job"}))
def test_every_outcome(outcome: str, tmp_path: Path) -> None:
    expected = OUTCOMES[outcome]
    calls: Calls = []
    with registered(*three(calls)):
        done = ran(workflow(expected.command), tmp_path, **environment(expected.settings))
    assert calls == all_three(expected.called)
    code = expected.ends if isinstance(expected.ends, int) else expected.ends.exit_code
    assert [job.exit_code for job in done.result.jobs] == [code]


@pytest.mark.parametrize("how", ["fails", "exits", "vetoes", "hangs"])
@pytest.mark.parametrize("phase", EARLY)
def test_a_plugin_that_ends_the_job(phase: str, how: str, tmp_path: Path) -> None:
    act, _ = FAILURES[how]
    calls: Calls = []
    with registered(*three(calls, **{phase: act})):
        done = ran(workflow("echo ran"), tmp_path)
    until = " ".join(EARLY[: EARLY.index(phase)])
    assert calls == [*all_three(until), ("first", phase), ("acting", phase), *all_three("on_error cleanup")]
    assert [job.exit_code for job in done.result.jobs] == [7 if how == "vetoes" else 125]
    assert "plugin 'acting'" in done.result.jobs[0].reason


@pytest.mark.parametrize("phase", LATE)
def test_a_plugin_that_fails_after_the_job(phase: str, tmp_path: Path) -> None:
    calls: Calls = []
    with registered(*three(calls, **{phase: FAILURES["fails"][0]})):
        done = ran(workflow("true"), tmp_path)
    assert calls == all_three(f"{RUN} on_error cleanup" if phase == "post_execution" else f"{RUN} cleanup")
    assert [job.success for job in done.result.jobs] == [phase == "on_error"]


def test_each_job_is_called_for_with_a_context_of_its_own(tmp_path: Path) -> None:
    seen: list[tuple[str, str]] = []

    def note(context: PluginContext) -> None:
        assert not context.metadata
        context.metadata["x"] = 1
        assert context.env_vars is not None
        context.env_vars["WHERE"] = str(context.job_path)
        seen.append(("pre_execution", str(context.job_path)))

    calls: Calls = []
    with registered(Noting("only", calls, pre_execution=note)):
        done = ran(workflow("echo $WHERE", "echo $WHERE; exit 3"), tmp_path)
    assert len(seen) == 2
    assert len({where for _, where in seen}) == 2
    assert sorted(hook for _, hook in calls) == sorted(f"{RUN} cleanup {RUN} on_error cleanup".split())
    assert {done.output(f"job{number}").strip() for number in (0, 1)} == {where for _, where in seen}


def test_an_observer_sees_its_job(tmp_path: Path) -> None:
    class Counting(Watcher):
        def __init__(self) -> None:
            self.events: list[object] = []

        def observe(self, event: object) -> None:
            self.events.append(event)

    counting = Counting()
    with registered(Noting("only", [], pre_execution=lambda context: context.add_observer(counting))):
        done: Ran = ran(workflow("true"), tmp_path)
    assert any(isinstance(event, StepFinished) for event in counting.events)
    assert not any(isinstance(event, WorkflowFinished) for event in counting.events)
    assert done.result.success


def test_what_a_plugin_adds_is_for_each_job_of_its_own(tmp_path: Path) -> None:
    """A plugin adds the same in every job, whose names would be taken if they were those of the whole workflow."""

    def add(context: PluginContext) -> None:
        context.sources.register("mine", lambda spec, directory, report: None)
        context.add_secret_provider("mine", lambda path, key: None)

    with registered(Noting("only", [], pre_validation=add)):
        done = ran(workflow("true", "true"), tmp_path)
    assert done.outcomes == {"job0": "success", "job1": "success"}


WRITING = """
import subprocess
from runnerlib.plugins import Plugin

class Writing(Plugin):
    def __init__(self):
        super().__init__("writing")

    def pre_execution(self, context):
        context.register_secret("found-at-run-time")
        subprocess.run("echo $MY_TOKEN; echo found-at-run-time >&2", shell=True)

    def cleanup(self, context):
        subprocess.run("echo the end", shell=True)
"""


@pytest.mark.parametrize("mode", ["raw", "json"])
def test_what_processes_of_plugins_write_is_masked_on_the_command_line(mode: str, tmp_path: Path) -> None:
    (tmp_path / "plugins").mkdir()
    (tmp_path / "plugins/plugin_writing.py").write_text(WRITING)
    (tmp_path / "w.json").write_text(workflow("echo one", "echo two"))
    args = ("run", "--workflow-file", "w.json", "--plugin-dir", "plugins", "--output", mode, "--max-parallel", "1")
    done = runnerlib(*args, cwd=tmp_path, MY_TOKEN="hunter2-hunter2")
    assert done.code == 0, done
    if mode == "json":
        told = [event["text"] for event in map(json.loads, done.out.splitlines()) if event["type"] == "notice"]
    else:
        assert done.out == b"one\ntwo\n"
        told = [line.removeprefix("runnerlib: ") for line in done.err.splitlines()]
    shown = [line.removeprefix("plugins: ") for line in told if line.startswith("plugins: ")]
    assert shown == ["[REDACTED]", "[REDACTED]", "the end"] * 2
    assert "hunter2-hunter2" not in done.out.decode() + done.err
    assert "found-at-run-time" not in done.out.decode() + done.err
