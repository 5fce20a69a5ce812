"""`runnerlib run --workflow-file` as users run it: the real program, real signals, real ends."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path

import pytest

from runnerlib.runner.workflow.status_records import job_result, job_running
from tests.integration.cli import runnerlib, started
from tests.waiting import until

PIPELINE = """\
workflow:
  name: ci
  jobs:
    - {name: test, command: echo testing}
    - {name: lint, command: echo linting}
    - {name: build, needs: [test, lint], command: echo building, for_each: [x, y]}
    - {name: deploy, needs: build, condition: branch == "main", command: echo shipped}
    - {name: undo, needs: build, condition: any_failed, command: echo undone}
"""


@pytest.fixture
def pipeline(tmp_path: Path) -> Path:
    path = tmp_path / "pipeline.yaml"
    path.write_text(PIPELINE)
    return path


def test_what_a_plan_shows(pipeline: Path, tmp_path: Path) -> None:
    done = runnerlib("run", "--workflow-file", "pipeline.yaml", "--plan", cwd=tmp_path, REACTORCIDE_BRANCH="dev")
    assert (done.code, done.err) == (0, "")
    false = """its condition is false: branch == "main" (branch is 'dev')"""
    assert (
        done.out.decode()
        == f"""\
workflow ci: 5 jobs
level 1
  test    echo testing
  lint    echo linting
level 2
  build   echo building
          2 runs: (x), (y); after test, lint
level 3
  deploy  echo shipped
          after build; if branch == "main"
          does not run: {false}
  undo    echo undone
          after build; only if one of them fails
          does not run: no job it needs failed
"""
    )
    done = runnerlib("run", "--workflow-file", "pipeline.yaml", "--plan=mermaid", cwd=tmp_path)
    assert done.out.startswith(b'flowchart TD\n  j0["test"]\n')
    assert b"  j0 --> j2\n" in done.out
    assert list(tmp_path.iterdir()) == [pipeline]


MATRIX = """\
workflow:
  name: flow
  jobs:
    - name: test
      matrix: {os: [linux, macos], python: ["3.12"]}
      command: '[ "$MATRIX_OS" = linux ]'
    - {name: deploy, needs: test, command: echo shipped}
"""


def test_runs_of_a_matrix_are_known_by_their_values(tmp_path: Path) -> None:
    """To people, who may name them so; logs and programs have the names."""
    (tmp_path / "flow.yaml").write_text(MATRIX)
    run = ("run", "--workflow-file", "flow.yaml", "--events", "events")
    out = runnerlib(*run, "--output", "prefixed", cwd=tmp_path).out.decode()
    assert "test (macos, 3.12) » failed after" in out
    assert out.count("job 'test (macos, 3.12)' did not succeed\n") == 2
    assert " at 'test (macos, 3.12)': 1 failed, 1 passed, 1 skipped\n" in out
    assert "test[" not in out
    events = [json.loads(line) for line in (tmp_path / "events").read_text().splitlines()]
    assert {event["step"] for event in events if "step" in event} == {"test[0]", "test[1]", "deploy"}
    only = runnerlib(*run, "--only", "test (linux, 3.12)", cwd=tmp_path)
    assert only.code == 0, only
    assert "✓ workflow 'flow' succeeded" in only.out.decode()


def test_one_job_and_what_comes_next(pipeline: Path, tmp_path: Path) -> None:
    def alone(name: str) -> tuple[str, str]:
        done = runnerlib(
            "run", "--workflow-file", "pipeline.yaml", "--job", name, cwd=tmp_path, REACTORCIDE_BRANCH="main"
        )
        assert done.code == 0, done
        before, _, after = done.out.decode().partition("📋")
        return before, after

    before, after = alone("test")
    assert "testing" in before
    assert "linting" not in before
    assert after == (
        " Next jobs to run:\n  → build (waiting on: test, lint - not all complete)\n\nRun the next job:\n"
        "  $ python -m runnerlib.cli run --job build --workflow-file pipeline.yaml\n"
    )
    assert "(waiting on: test, lint - all complete)" in alone("lint")[1]
    assert "→ deploy (waiting on: build - all complete)" in alone("build")[1]
    before, after = alone("deploy")
    assert "shipped" in before
    assert after == ""


@pytest.mark.parametrize(
    ("args", "told"),
    [
        (["--job", "tst"], "error: --job: unknown job 'tst'; did you mean 'test'?\n"),
        (["--only", "x"], "error: --only: unknown job 'x' (test, lint, build, deploy, undo)\n"),
        (
            ["--job", "test", "--skip", "lint"],
            "error: --job runs one job alone; --from, --only and --skip say which of several run\n",
        ),
        (
            ["--", "true"],
            "error: workflow_file (command line, --workflow-file): contradicts the words after --; give one of them\n",
        ),
        (
            ["--job-command", "true"],
            "error: workflow_file (command line, --workflow-file): contradicts job_command (command line, ",
        ),
        (["--container-engine", "dokcer"], "error: container_engine"),
    ],
)
def test_usage(args: list[str], told: str, pipeline: Path, tmp_path: Path) -> None:
    done = runnerlib("run", "--workflow-file", str(pipeline), *args, cwd=tmp_path)
    assert done.code == 78
    assert done.err.startswith(told)
    assert not (tmp_path / "job").exists()


def test_a_job_without_a_file(tmp_path: Path) -> None:
    done = runnerlib("run", "--job", "x", cwd=tmp_path)
    assert (done.code, done.err) == (78, "error: --job names a job of a workflow; give --workflow-file too\n")


def test_a_command_from_the_command_line_wins_over_a_file_from_the_environment(pipeline: Path, tmp_path: Path) -> None:
    done = runnerlib("run", "--job-command", "echo me", cwd=tmp_path, REACTORCIDE_WORKFLOW_FILE=str(pipeline))
    assert (done.code, done.out) == (0, b"me\n")


def test_events_as_json(pipeline: Path, tmp_path: Path) -> None:
    done = runnerlib("run", "--workflow-file", "pipeline.yaml", "--output", "json", cwd=tmp_path)
    events = [json.loads(line) for line in done.out.splitlines()]
    jobs = {event["job"]: event["outcome"] for event in events if event["type"] == "workflow_job_finished"}
    succeeded = dict.fromkeys(("test", "lint", "build[0]", "build[1]"), "success")
    assert jobs == {**succeeded, "deploy": "skipped", "undo": "skipped"}
    assert (events[-1]["type"], events[-1]["workflow"], events[-1]["exit_code"]) == ("workflow_finished", "ci", 0)


LONG = """\
workflow:
  name: long
  jobs:
    - {name: first, command: echo done}
    - {name: long, needs: first, command: 'echo $$ > ../pid; setsid sleep 1000 & sleep 1000'}
    - {name: after, needs: long, command: echo after}
"""


def test_the_runner_is_killed_and_the_next_run_goes_on(tmp_path: Path) -> None:
    """Nothing is left behind, the lock is free, and what succeeded is not done again."""
    (tmp_path / "long.yaml").write_text(LONG)
    records, pid = tmp_path / "job/.runnerlib/jobs", tmp_path / "job/jobs/long/pid"
    with started("run", "--workflow-file", "long.yaml", cwd=tmp_path) as runner:
        until(lambda: pid.exists() and pid.read_text().strip() != "")
        assert job_running(records, "long")
        assert not job_running(records, "first")
        runner.kill()
        runner.wait()
    until(lambda: not os.path.exists(f"/proc/{pid.read_text().strip()}"))
    assert not job_running(records, "long")
    found = job_result(records, "long")
    assert found is not None
    assert (found["state"], found["exit_code"]) == ("interrupted", None)
    (tmp_path / "long.yaml").write_text(LONG.replace("setsid sleep 1000 & sleep 1000", "true"))
    done = runnerlib("run", "--workflow-file", "long.yaml", "--resume", cwd=tmp_path)
    assert done.code == 0, done
    assert b"first \xc2\xbb done in an earlier run" in done.out
    assert b"after\n" in done.out


@pytest.mark.parametrize(("signum", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_the_runner_is_told_to_stop(signum: signal.Signals, code: int, tmp_path: Path) -> None:
    (tmp_path / "long.yaml").write_text(LONG)
    pid = tmp_path / "job/jobs/long/pid"
    with started("run", "--workflow-file", "long.yaml", cwd=tmp_path) as runner:
        until(lambda: pid.exists() and pid.read_text().strip() != "")
        runner.send_signal(signum)
        out, err = runner.communicate()
    assert (runner.returncode, err) == (code, b"")
    assert not os.path.exists(f"/proc/{pid.read_text().strip()}")
    assert b"! workflow 'long' interrupted after" in out
    found = job_result(tmp_path / "job/.runnerlib/jobs", "after")
    assert found is not None
    assert found["state"] == "cancelled"


def test_a_workflow_is_validated(pipeline: Path, tmp_path: Path) -> None:
    done = runnerlib("validate", "--workflow-file", "pipeline.yaml", cwd=tmp_path)
    assert (done.code, done.out, done.err) == (0, b"the configuration is valid\n", "")
    pipeline.write_text(PIPELINE.replace("needs: build", "needs: biuld"))
    done = runnerlib("validate", "--workflow-file", "pipeline.yaml", cwd=tmp_path)
    assert (done.code, done.out) == (78, b"")
    assert "pipeline.yaml:7:29: depends_on: unknown job 'biuld'" in done.err
    assert len(done.err.splitlines()) == 2


def test_one_run_of_a_job_that_has_several(tmp_path: Path) -> None:
    text = "jobs: [{name: a, for_each: [x, y, z], command: echo item $ITEM}, {name: b, needs: a, command: 'true'}]"
    (tmp_path / "w.yaml").write_text(text)
    run = ("run", "--workflow-file", "w.yaml")
    done = runnerlib(*run, "--job", "a[1]", cwd=tmp_path)
    assert (done.code, [b"item " + item in done.out for item in (b"x", b"y", b"z")]) == (0, [False, True, False])
    assert "→ b (waiting on: a - not all complete)".encode() in done.out
    done = runnerlib(*run, "--only", "a[0]", "--only", "a[2]", cwd=tmp_path)
    assert (done.code, [b"item " + item in done.out for item in (b"x", b"y", b"z")]) == (0, [True, False, True])
    done = runnerlib(*run, "--skip", "a[0]", "--skip", "b", cwd=tmp_path)
    assert (done.code, [b"item " + item in done.out for item in (b"x", b"y", b"z")]) == (0, [False, True, True])
    done = runnerlib(*run, "--job", "a[3]", cwd=tmp_path)
    assert (done.code, "unknown job 'a[3]'" in done.err) == (78, True)
