"""Runs of a concurrency group go on one at a time, in their order, whatever is killed."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path

import pytest

from runnerlib.runner.group_queue import Ticket
from tests.integration.cli import runnerlib, started

JOB = """
job:
  concurrency: {group: "g-${env.GROUP}", cancel: %s}
  steps:
    - {name: a, run: '%s'}
"""
HOLDING = "echo begun; read line < ../../fifo"


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    (tmp_path / "holding.yaml").write_text(JOB % ("false", HOLDING))
    (tmp_path / "next.yaml").write_text(JOB % ("false", "echo next"))
    (tmp_path / "cancelling.yaml").write_text(JOB % ("true", "echo next"))
    os.mkfifo(tmp_path / "fifo")
    return tmp_path


def holding(project: Path) -> subprocess.Popen[bytes]:
    """Start a run that holds the group until something is written to `fifo`."""
    command = ("run", "--job-file", "holding.yaml", "--output", "raw")
    first = started(*command, cwd=project, RUNNERLIB_WORKSPACE=str(project / "first"))
    assert first.stdout is not None
    assert first.stdout.readline() == b"begun\n"
    return first


def waiting(project: Path, file: str) -> subprocess.Popen[bytes]:
    """Start another run of the group, and wait until it waits."""
    command = ("run", "--job-file", file, "--output", "raw")
    other = started(*command, cwd=project, RUNNERLIB_WORKSPACE=str(project / f"of {file}"))
    assert other.stderr is not None
    assert other.stderr.readline() == b"runnerlib: waiting for 1 of the group 'g-'\n"
    return other


def finish(*children: subprocess.Popen[bytes]) -> list[tuple[int, bytes, bytes]]:
    return [(child.returncode, *texts) for child in children if (texts := child.communicate(timeout=60))]


def test_the_second_waits_for_the_first(project: Path) -> None:
    first = holding(project)
    other = waiting(project, "next.yaml")
    alone = runnerlib("run", "--job-file", "next.yaml", cwd=project, GROUP="another")
    assert (alone.code, alone.out) == (0, b"next\n")
    assert other.poll() is None
    (project / "fifo").write_text("go on\n")
    ends = finish(first, other)
    assert [(code, out) for code, out, _ in ends] == [(0, b""), (0, b"next\n")], ends


def test_a_killed_run_has_left_the_queue(project: Path) -> None:
    first = holding(project)
    other = waiting(project, "next.yaml")
    first.kill()
    ends = finish(first, other)
    assert [(code, out) for code, out, _ in ends] == [(-signal.SIGKILL, b""), (0, b"next\n")]


def test_a_later_run_stops_the_first(project: Path) -> None:
    first = holding(project)
    other = waiting(project, "cancelling.yaml")
    (code, _, told), (other_code, out, _) = finish(first, other)
    assert (code, other_code, out) == (128 + signal.SIGTERM, 0, b"next\n")
    assert b"a later run of the group 'g-' has stopped this one" in told


def test_a_run_that_waits_can_be_stopped(project: Path) -> None:
    first = holding(project)
    other = waiting(project, "next.yaml")
    other.send_signal(signal.SIGINT)
    assert finish(other)[0][:2] == (130, b"")
    (project / "fifo").write_text("go on\n")
    assert finish(first)[0][0] == 0


def test_an_untrusted_run_cannot_stop_trusted_ones(project: Path) -> None:
    first = holding(project)
    fork = {"REACTORCIDE_IS_FORK_PR": "true", "REACTORCIDE_PR_NUMBER": "7"}
    other = runnerlib("run", "--job-file", "cancelling.yaml", cwd=project, **fork)
    assert (other.code, other.out) == (0, b"next\n")
    assert first.poll() is None
    (project / "fifo").write_text("go on\n")
    assert finish(first)[0][0] == 0


def test_workflows_and_their_jobs_are_in_groups(project: Path) -> None:
    (project / "work.yaml").write_text("""
concurrency: g-
jobs:
  a: {command: echo first >>../../../order, concurrency: inner}
  b: {command: echo second >>../../../order, concurrency: inner}
""")
    first = holding(project)
    command = ("run", "--workflow-file", "work.yaml", "--max-parallel", "2")
    other = started(*command, cwd=project)
    assert other.stdout is not None
    assert other.stdout.readline() == b"runnerlib: waiting for 1 of the group 'g-'\n"
    (project / "fifo").write_text("go on\n")
    ends = finish(first, other)
    assert [code for code, _, _ in ends] == [0, 0], ends


def test_without_a_place_for_the_queue_nothing_runs(project: Path) -> None:
    done = runnerlib("run", "--job-file", "next.yaml", cwd=project, XDG_STATE_HOME="", HOME="/dev/null/home")
    assert done.code == 125
    assert "there is no place for the queue of the group 'g-'" in done.err
    assert done.out == b""


def test_tickets_have_an_order(tmp_path: Path) -> None:
    first, second, third = (Ticket(tmp_path) for _ in range(3))
    assert [ticket.ahead() for ticket in (first, second, third)] == [0, 1, 2]
    third.cancel_others()
    assert [ticket.cancelled for ticket in (first, second, third)] == [True, True, False]
    first.give_back()
    assert (second.ahead(), third.ahead()) == (0, 1)
    second.give_back()
    later = Ticket(tmp_path)
    assert (third.ahead(), later.ahead(), later.cancelled) == (0, 1, False)
    third.give_back()
    later.give_back()
    assert [path.name for path in tmp_path.iterdir()] == ["gate"]
