"""The history of a project by the real command: kept in place, shown, and never in the way of a run."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from runnerlib.output.history.file import Entry, Run, add, load
from tests.integration.cli import Done, runnerlib
from tests.integration.terminal import on_terminal

JOB = """\
job:
  name: demo
  steps:
    - {name: build, run: 'echo "built $API_TOKEN"'}
    - name: test
      run: 'test -e mended || { touch mended; exit 1; }'
      depends_on: [build]
      retry: 1
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "runnerlib.yaml").write_text(JOB)
    return tmp_path


def run(project: Path, *args: str) -> Done:
    return runnerlib("run", *args, cwd=project, API_TOKEN="correct-horse-battery")


def test_runs_of_a_project_are_kept_and_shown(project: Path) -> None:
    for _ in range(3):
        done = run(project)
        assert (done.code, done.err) == (0, "")
    assert b"usual time: " not in done.out  # it tells of earlier runs, and there were two
    assert b", by 3 runs that succeeded\n" in run(project).out
    shown = runnerlib("history", cwd=project).out.decode().splitlines()
    assert shown[0].split() == ["started", "outcome", "time", "job", "failed", "commit"]
    assert [line.split()[2] for line in shown[1:]] == ["success"] * 4
    assert runnerlib("history", "test", cwd=project).out.endswith(b" s\n")
    rows = json.loads(runnerlib("history", "test", "--limit", "9", "--json", cwd=project).out)
    assert [row["attempts"] for row in rows] == [2, 1, 1, 1]
    wrong = runnerlib("history", "tset", cwd=project)
    assert (wrong.code, wrong.err) == (78, "error: unknown step 'tset'; did you mean 'test'?\n")
    (unsteady,) = json.loads(runnerlib("flaky", "--json", cwd=project).out)
    assert (unsteady["name"], unsteady["runs"], unsteady["retried"], unsteady["rate"]) == ("test", 4, 1, 0.25)
    assert b"step  test" in runnerlib("flaky", cwd=project).out
    assert b"correct-horse" not in (project / ".runnerlib/history.db").read_bytes()


def test_what_took_longer_is_told(project: Path) -> None:
    (project / "runnerlib.yaml").write_text(
        "job: {name: d, steps: [{name: s, run: 'sleep ${T:-0}'}, {name: t, run: ':'}]}"
    )
    quick = tuple(Entry("step", name, "success", seconds=0.01) for name in "st")
    (project / ".runnerlib").mkdir()
    for _ in range(3):
        add(project / ".runnerlib/history.db", Run("d", 0.0, 0.02, 0, "", quick))
    slow = runnerlib("run", cwd=project, T="1.2")
    assert b"slower than usual: 's' took 1." in slow.out
    assert b"usual time: 20 ms, by 3 runs that succeeded" in slow.out


def test_where_there_is_no_project_there_is_none(tmp_path: Path) -> None:
    assert runnerlib("run", "--job-command", "true", cwd=tmp_path).code == 0
    assert runnerlib("run", "--here", "--job-command", "true", cwd=tmp_path).code == 0
    assert list(tmp_path.rglob("history*")) == []
    done = runnerlib("history", cwd=tmp_path)
    problem = "there is no project here or in a directory above; --history names the file of a history"
    assert (done.code, done.err) == (78, f"error: {problem}\n")


def test_a_file_of_ones_own_and_none(project: Path) -> None:
    assert run(project, "--history", "own.db").code == 0
    assert run(project, "--history", "none").code == 0
    assert not (project / ".runnerlib/history.db").exists()
    assert [one.name for one in load(project / "own.db")] == ["demo"]
    assert runnerlib("run", "--history", "own.db", "--job-command", "true", cwd=project).code == 0
    assert len(load(project / "own.db")) == 2


def test_a_history_that_cannot_be_used_harms_no_run(project: Path) -> None:
    os.makedirs(project / ".runnerlib/history.db")
    done = run(project)
    assert done.code == 0
    assert b"warning: this run is not in the history: cannot open '" in done.out


def test_the_view_says_how_long_it_will_take(project: Path) -> None:
    steps = "{name: one, run: 'until test -e go; do sleep 0.02; done'}, {name: two, run: ':', depends_on: [one]}"
    (project / "runnerlib.yaml").write_text(f"job: {{name: d, steps: [{steps}]}}")
    (project / ".runnerlib").mkdir()
    usual = tuple(Entry("step", name, "success", seconds=600.0) for name in ("one", "two"))
    add(project / ".runnerlib/history.db", Run("d", 0.0, 1200.0, 0, "", usual))
    with on_terminal("run", cwd=project) as session:
        session.until(" of ~10m 00s")
        session.until("critical path: one > two")
        (project / "go").touch()
        assert session.ends() == 0
    assert ", about 20m 00s left" in session.seen
