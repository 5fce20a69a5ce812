"""Carrying out a plan: workspace, sources, signals, both loops."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from runnerlib.config import resolve
from runnerlib.errors import Interrupted, PathError, RunnerError
from runnerlib.events import JobFinished, Masked, Notice, StepFinished, StepOutput, StepStarted, Warned
from runnerlib.events.result import JobResult
from runnerlib.runner.plan import JobPlan
from runnerlib.runner.planner import Planner
from tests.engine.harness import Recorder
from tests.runner.planning import planner, run

NewLoop = Callable[[], asyncio.AbstractEventLoop]


def planned(tmp_path: Path, command: str, **options: object) -> Planner[JobPlan]:
    environ = {"PATH": os.environ["PATH"], "REACTORCIDE_IN_CONTAINER": "false"}
    return planner(resolve({"job_command": command, **options}, environ), (), environ, tmp_path)


def test_everything_is_told_in_order_and_masked(new_loop: NewLoop, tmp_path: Path) -> None:
    (tmp_path / "abc-def").mkdir()
    (tmp_path / "abc-def/file").write_text("it is abc-def")
    recorder = Recorder()
    plan = planned(
        tmp_path,
        "cat file; exit 3",
        secret_values_list="abc-def,x",
        source_type="copy",
        source_url=f"{tmp_path}/abc-def",
    )
    result = run(plan, recorder, new_loop)
    assert (result.exit_code, result.reason) == (3, "step 'job': exit code 3")
    kinds = [type(event) for event in recorder.events]
    assert kinds[0] is Warned
    assert kinds[-5:] == [StepStarted, StepOutput, Masked, StepFinished, JobFinished]
    assert recorder.output == b"it is [REDACTED]"
    assert "abc-def" not in repr(recorder.events)
    assert any("[REDACTED]" in event.text for event in recorder.events if isinstance(event, Notice))


def test_the_workspace_is_made(new_loop: NewLoop, tmp_path: Path) -> None:
    assert not run(planned(tmp_path, "test -d ../artifacts", code_dir="/job/deep/src"), Recorder(), new_loop).success
    assert run(planned(tmp_path, "pwd"), Recorder(), new_loop).success
    assert sorted(path.name for path in (tmp_path / "job").iterdir()) == ["artifacts", "deep", "src"]


def test_a_workspace_that_cannot_be_made(new_loop: NewLoop, tmp_path: Path) -> None:
    (tmp_path / "job").write_text("a file")
    with pytest.raises(RunnerError, match=r"cannot create '.*/job/artifacts': (Not a directory|File exists)"):
        run(planned(tmp_path, "true"), Recorder(), new_loop)


def test_what_stands_in_the_workspace_stays_without_a_source(new_loop: NewLoop, tmp_path: Path) -> None:
    (tmp_path / "job/src").mkdir(parents=True)
    (tmp_path / "job/src/mounted").write_text("x")
    recorder = Recorder()
    run(planned(tmp_path, "ls", source_type="none"), recorder, new_loop)
    assert recorder.output == b"mounted\n"


def test_a_symlink_that_the_source_brings_does_not_move_the_job(new_loop: NewLoop, tmp_path: Path) -> None:
    plan = planned(tmp_path, "pwd", job_dir="/job/src/sub")
    (tmp_path / "job/src").mkdir(parents=True)
    (tmp_path / "job/src/sub").symlink_to("/etc")
    with pytest.raises(PathError, match="outside the workspace"):
        run(plan, Recorder(), new_loop)


def test_signal_handlers_are_put_back(new_loop: NewLoop, tmp_path: Path) -> None:
    before = [signal.getsignal(signum) for signum in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)]
    run(planned(tmp_path, "true"), Recorder(), new_loop)
    assert [signal.getsignal(signum) for signum in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)] == before


def test_a_signal_before_the_step_interrupts(new_loop: NewLoop, tmp_path: Path) -> None:
    (tmp_path / "source").mkdir()
    plan = planned(
        tmp_path, "echo started", source_type="copy", source_url=f"{tmp_path}/source", secret_values_list="x"
    )
    recorder = Recorder()

    class Interrupting(Recorder):
        def observe(self, event: object) -> None:
            recorder.observe(event)  # type: ignore[arg-type]
            if isinstance(event, Notice):
                os.kill(os.getpid(), signal.SIGTERM)

    with pytest.raises(Interrupted, match="stopped by SIGTERM") as caught:
        run(plan, Interrupting(), new_loop)
    assert caught.value.exit_code == 143
    assert StepStarted not in {type(event) for event in recorder.events}


def test_from_a_thread_signals_are_left_alone(new_loop: NewLoop, tmp_path: Path) -> None:
    results: list[JobResult] = []
    thread = threading.Thread(target=lambda: results.append(run(planned(tmp_path, "exit 5"), Recorder(), new_loop)))
    thread.start()
    thread.join()
    assert [result.exit_code for result in results] == [5]
