"""The runner where a worker runs it: process 1 of a container, an empty workspace, the variables of the contract."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from runnerlib.pipeline.workflow.file import load_job
from runnerlib.triggers.evaluate.event import Event
from runnerlib.triggers.evaluate.to_triggers import triggers
from tests.source.repository import git
from tests.source.smart_http import QUOTED, Server, serving
from tests.triggers.conftest import plain_server
from tests.triggers.server import FakeCoordinator
from tests.waiting import until
from tests.worker import BATCH, LONGEST_READ, LONGEST_SENT, Log, Worker, worker

__all__ = ["plain_server", "worker"]

EVALUATE = "runnerlib eval --event-type $REACTORCIDE_EVENT_TYPE --branch $REACTORCIDE_BRANCH"
FLOW = """
name: flow
on: [push]
jobs:
  command: {command: 'echo "built by $HOME"; cat file'}
  lines: {command: "echo one\\nexit 3"}
  steps: {steps: [{name: a, run: 'echo "$REACTORCIDE_SHA"'}, {name: b, run: cat file}]}
"""
WAIT = "trap 'echo cleaned up; exit 9' TERM; echo begun by $HOME > /job/begun; sleep 1000 & wait"


@pytest.fixture(scope="module")
def forge(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    top = tmp_path_factory.mktemp("forge") / "project"
    (top / ".reactorcide" / "workflows").mkdir(parents=True)
    (top / ".reactorcide" / "workflows" / "flow.yaml").write_text(FLOW)
    (top / "ci").mkdir()
    (top / "ci" / "job.yaml").write_text("name: job\ncommand: 'echo tested; exit 5'\n")
    (top / "file").write_text("content of the file\n")
    git(top, "init", "-q", "-b", "main")
    git(top, "add", "-A")
    git(top, "commit", "-qm", "one")
    with serving(top.parent) as server:
        yield server


def pushed(forge: Server) -> dict[str, str]:
    url, commit = forge.url("git/project/.git"), git(forge.root / "project", "rev-parse", "HEAD")
    ci = {"CI_SOURCE_TYPE": "git", "CI_SOURCE_URL": url, "CI_SOURCE_REF": commit}
    source = {"SOURCE_TYPE": "git", "SOURCE_URL": url, "SOURCE_REF": commit, "SHA": commit}
    known = {"JOB_KIND": "eval", "EVENT_TYPE": "push", "BRANCH": "main", **ci, **source}
    return {f"REACTORCIDE_{name}": value for name, value in known.items()}


def jobs_of(coordinator: FakeCoordinator) -> dict[str, dict[str, Any]]:
    """Return the jobs that the coordinator was asked for, by their names."""
    messages = [json.loads(body) for _, _, body in coordinator.requests]
    return {job["job_name"]: job for message in messages for flow in message["workflows"] for job in flow["jobs"]}


def variables_of(job: dict[str, Any]) -> dict[str, str]:
    """Return the variables of a job: its own, and those by which a coordinator tells it of its sources."""
    names = ("source_type", "source_url", "source_ref", "ci_source_type", "ci_source_url", "ci_source_ref")
    return {**job["env"], **{f"REACTORCIDE_{name.upper()}": job[name] for name in names}}


def output(log: Log) -> list[str]:
    """The lines of the job, without those of the runner among them."""
    return [line for line in log.text("stdout").splitlines() if not line.startswith("runnerlib: ")]


def test_the_double_is_a_container(worker: Worker) -> None:
    code, log = worker.run("echo $$; pwd; ls -A /job /job/src; echo $HOME $REACTORCIDE_IN_CONTAINER >&2\nexit 4")
    assert (code, log.text("stdout")) == (4, "1\n/job/src\n/job:\nsrc\n\n/job/src:\n")
    assert log.text("stderr") == "/home/runner true\n"
    assert worker.argv("make 'a b' $(x)") == ["make", "a b", "$(x)"]


def test_the_double_loses_what_a_worker_loses(worker: Worker) -> None:
    line = "head -c {} /dev/zero | tr '\\0' x\necho\necho after"
    code, log = worker.run(line.format(LONGEST_SENT + 1))
    assert (code, log.lines, log.refused, log.given_up) == (0, [], 1, [])
    code, log = worker.run(line.format(LONGEST_READ + 1))
    assert (code, log.lines, log.refused, log.given_up) == (0, [], 0, ["stdout"])
    code, log = worker.run(f"seq {BATCH * 3}\necho 0")
    assert log.text("stdout").splitlines() == [*map(str, range(1, BATCH * 3 + 1)), "0"]


def test_from_an_event_to_its_jobs(worker: Worker, plain_server: FakeCoordinator, forge: Server) -> None:
    worker.coordinator = plain_server
    code, log = worker.run(EVALUATE, **pushed(forge))
    assert code == 0, log.text()
    assert plain_server.created == ["command", "lines", "steps"]
    jobs = jobs_of(plain_server)

    code, log = worker.run(jobs["command"]["job_command"], **variables_of(jobs["command"]))
    assert (code, log.text("stderr")) == (0, "")
    assert output(log) == ["built by /home/runner", "content of the file"], log.text()
    code, log = worker.run(jobs["lines"]["job_command"], **variables_of(jobs["lines"]))
    assert (code, output(log)) == (3, ["one"]), log.text()
    code, log = worker.run(jobs["steps"]["job_command"], **variables_of(jobs["steps"]))
    assert code == 0, log.text()
    assert "content of the file" in log.text("stdout")
    assert jobs["steps"]["source_ref"] in log.text("stdout")


def test_private_sources(worker: Worker, plain_server: FakeCoordinator, forge: Server) -> None:
    """With what a worker leaves for git, which is gone before the first step."""
    worker.coordinator = plain_server
    worker.credentials = f"http://x:{QUOTED}@127.0.0.1:{forge.port}/auth/project/.git"
    told = {name: value.replace("/git/", "/auth/") for name, value in pushed(forge).items()}
    code, log = worker.run(EVALUATE, **told)
    assert code == 0, log.text()
    job = jobs_of(plain_server)["steps"]
    code, log = worker.run(job["job_command"], **variables_of(job))
    assert (code, "content of the file" in log.text("stdout")) == (0, True), log.text()
    look = "ls -A /job/.reactorcide || true; cat file"
    code, log = worker.run(f"exec runnerlib run --job-command '{look}' # $HOME", **told)
    assert (code, log.text("stdout").splitlines()[-1]) == (0, "content of the file"), log.text()
    assert "vcs-auth" not in log.text("stdout")
    assert QUOTED not in log.text()


def test_long_lines_lose_nothing(worker: Worker) -> None:
    text = f"head -c {3 * LONGEST_READ} /dev/zero | tr '\\0' Q; echo; echo after"
    code, log = worker.run(f"runnerlib run --job-command {shlex.quote(text)}")
    assert (code, log.refused, log.given_up, log.lines[-1].text) == (0, 0, [], "after")
    assert sum(line.text.count("Q") for line in log.lines if line.text[0] == "Q") == 3 * LONGEST_READ
    assert max(len(line.text) for line in log.lines) < 64 << 10


def test_a_job_file_of_the_source(worker: Worker, forge: Server) -> None:
    code, log = worker.run("runnerlib run --job-file ci/job.yaml", **pushed(forge))
    assert (code, "tested" in log.text("stdout")) == (5, True), log.text()


def test_the_trusted_source_by_itself(worker: Worker, forge: Server) -> None:
    code, log = worker.run("runnerlib checkout --ci", **pushed(forge))
    assert (code, log.text("stdout")) == (0, "/job/ci\n"), log.text()
    assert sorted(each.name for each in worker.workspace().iterdir() if each.name[0] != ".") == ["ci", "src"]
    assert not list((worker.workspace() / "src").iterdir())


def cancelled(worker: Worker, command: str, grace: float, **told: str) -> tuple[int, str]:
    lease = worker.start(command, **told)
    until((worker.workspace() / "begun").exists)
    return lease.cancel(grace), lease.log.text()


@pytest.mark.parametrize("command", [WAIT, WAIT.replace("; ", "\n")], ids=["a variable", "lines"])
def test_a_job_that_is_cancelled_cleans_up(command: str, worker: Worker, tmp_path: Path) -> None:
    file = tmp_path / "job.yaml"
    file.write_text(json.dumps({"name": "job", "job": {"command": command}}))
    [job] = triggers([load_job(file)], Event("", {}), lambda: None)
    assert job.job_command is not None
    code, said = cancelled(worker, job.job_command, 60)
    assert (code, "cleaned up" in said.splitlines()) == (143, True), said


def test_a_shell_that_stays_is_killed(worker: Worker) -> None:
    """The reason for `exec ` before commands with a variable: this is how it is without."""
    own = f"runnerlib run --job-command '{WAIT.replace(chr(39), chr(34))}'; echo $?"
    code, said = cancelled(worker, own, 0.5)
    assert (code, "cleaned up" in said.splitlines()) == (137, False), said


def test_a_trigger_that_would_go_with_the_workspace_fails_the_job(
    worker: Worker, plain_server: FakeCoordinator, tmp_path: Path
) -> None:
    worker.coordinator = plain_server
    plain_server.refused = {"bad": 400}
    jobs = [{"job_name": "bad"}, {"job_name": "good"}, {"job_name": "waits", "depends_on": ["nowhere"]}]
    lines = "".join(f"echo '{json.dumps(job)}' >> $RUNNERLIB_TRIGGERS\n" for job in jobs)
    (tmp_path / "trigger.sh").write_text(lines)
    command = f"runnerlib run --allow-insecure-transport --job-command 'sh {tmp_path}/trigger.sh'"
    code, log = worker.run(command)
    assert code == 125, log.text()
    assert plain_server.created == ["good"]
    assert "'bad' is refused: api: the coordinator answered 400" in log.text()
    assert "'waits' is refused: it would wait for ever: 'nowhere' is not sent with it" in log.text()


def test_a_line_of_any_length_arrives_and_all_is_in_order(worker: Worker) -> None:
    command = f"head -c {LONGEST_READ + 1} /dev/zero | tr '\\\\0' x; echo; echo after; exit 5"
    code, log = worker.run(f'runnerlib run --job-command "{command}"')
    assert (code, log.refused, log.given_up) == (5, 0, [])
    lines = log.text("stdout").splitlines()
    assert sum(line.count("x") for line in lines[1:-1]) == LONGEST_READ + 1
    assert lines[-2:] == ["after", "runnerlib: failed: exit code 5"]
    assert log.text("stderr") == ""
