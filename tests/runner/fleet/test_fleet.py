"""Workflows on a fleet: the same as here, sealed, masked everywhere; what a fleet cannot do is told."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path

import pytest

from runnerlib import execute
from runnerlib.errors import ConfigError, RunnerError
from runnerlib.runner.fleet.contract import Queue, WorkerFacts
from runnerlib.runner.fleet.extra import own_version
from runnerlib.runner.fleet.jetstream.address import address
from runnerlib.runner.fleet.jetstream.connection import Connection
from runnerlib.runner.fleet.keys import read_key
from runnerlib.runner.fleet.waiting import waiting_for
from tests.integration.cli import runnerlib
from tests.runner.fleet.machines import Broker, Worker, dispatched, new_key
from tests.runner.workflow.house import Ran, planned, ran

WORKFLOW = r"""
name: w
vars: {colour: blue}
jobs:
  - name: build
    runs_on: gpu
    env: {MODE: fast}
    steps:
      - {name: compile, run: "echo $MODE; echo version=1.2 >> $RUNNERLIB_OUTPUT"}
      - {name: flaky, run: "test -e again || { touch again; echo once; exit 4; }", retry: {max: 1, backoff: 0}}
  - name: test
    labels: [small, linux]
    matrix: {os: [a, b]}
    needs: build
    command: "echo $MATRIX_OS $RUNNERLIB_OUTPUT_BUILD_VERSION $RC_WF_VARS_JSON"
  - {name: broken, command: "echo bad; exit 3"}
  - {name: after, needs: broken, command: "echo never"}
  - {name: tidy, needs: broken, condition: always, command: [printf, 'a\0\303\274z']}
"""


def told(run: Ran) -> list[tuple[object, ...]]:
    """The results of steps and jobs that a run tells, but for times and places."""
    return [
        (one.name, one.outcome, one.exit_code, one.reason, one.cause, one.attempts, dict(one.outputs), one.required)
        for one in (*sorted(run.finished), *sorted(run.jobs_finished), *run.result.jobs)
    ]


def test_a_workflow_runs_there_as_it_runs_here(broker: Broker, key: Path, worker: Worker, tmp_path: Path) -> None:
    there, here = dispatched(WORKFLOW, tmp_path / "there", broker, key), ran(WORKFLOW, tmp_path / "here")
    assert told(there) == told(here)
    assert there.result.exit_code == here.result.exit_code == 3
    assert there.result.reason == here.result.reason
    assert {job.worker for job in there.result.jobs if job.attempts} == {"w1"}
    assert {job.worker for job in here.result.jobs} == {""}
    for step in ("build/compile", "build/flaky", "test[0]", "test[1]", "broken", "after", "tidy"):
        assert there.output(step) == here.output(step), step
    assert there.warnings == here.warnings


# The commands do not spell the secret: they are shown before it is registered.
SECRETS = """
jobs:
  - name: registers
    command: |
      echo here is $GIVEN
      T=run-time-
      printf %s ${T}7711 | python -m runnerlib register-secret
      echo and ${T}7711
      touch {go}
      echo x=${T}7711 >> $RUNNERLIB_OUTPUT
  - {name: runs, command: "until test -e {go}; do sleep 0.05; done; T=run-time-; echo ${T}7711 at the same time"}
  - name: later
    needs: registers
    command: "T=run-time-; echo ${T}7711 later, also $RUNNERLIB_OUTPUT_REGISTERS_X and given-8822"
"""


def test_what_is_secret_anywhere_is_masked_everywhere(
    broker: Broker, key: Path, worker: Worker, tmp_path: Path
) -> None:
    environ = {"REACTORCIDE_JOB_ENV": f"GIVEN=given-8822\nPATH={Path(sys.executable).parent}:/usr/bin:/bin"}
    given = {**environ, "REACTORCIDE_SECRET_ENV_NAMES": "GIVEN"}
    run = dispatched(SECRETS.replace("{go}", str(tmp_path / "go")), tmp_path, broker, key, **given)
    assert run.result.exit_code == 0, run.everything
    for secret in ("run-time-7711", "given-8822"):
        assert secret not in run.everything
        assert secret not in worker.said
    assert run.output("registers") == "here is [REDACTED]\nand [REDACTED]\n"
    assert run.output("runs") == "[REDACTED] at the same time\n"
    assert run.output("later") == "[REDACTED] later, also [REDACTED] and [REDACTED]\n"


def test_the_broker_sees_neither_secrets_nor_commands(key: Path, own_broker: Broker, tmp_path: Path) -> None:
    """The job is never taken, so all of it is in the store when it is searched."""
    seen: dict[str, list[Path]] = {}
    workflow = """
jobs:
  - {name: private-name, runs_on: nowhere, queue_timeout: 0.2, command: "echo private-command", env: {A: private-value}}
"""
    given = {"REACTORCIDE_JOB_ENV": "GIVEN=private-secret", "REACTORCIDE_SECRET_ENV_NAMES": "GIVEN"}
    run = dispatched(workflow, tmp_path / "run", own_broker, key, **given)
    assert run.result.exit_code == 124
    own_broker.kill()
    for text in ("private-name", "private-command", "private-value", "private-secret", key.read_text().split()[-1]):
        seen[text] = own_broker.stored(text.encode())
    assert not any(seen.values()), seen
    assert own_broker.stored(b"nowhere"), "it is the store that was searched"


def test_a_job_that_no_worker_takes_ends(broker: Broker, key: Path, worker: Worker, tmp_path: Path) -> None:
    workflow = "jobs: [{name: a, runs_on: [gpu, moon, mars], queue_timeout: 0.2, command: 'true'}]"
    run = dispatched(workflow, tmp_path, broker, key)
    assert run.result.exit_code == 124
    assert run.result.job("a").reason == "no worker has taken it within 0.2 s (no worker has the labels 'mars', 'moon')"
    assert [one.outcome for one in run.finished] == ["failure"]


def test_another_key_is_told_at_once(broker: Broker, worker: Worker, tmp_path: Path) -> None:
    workflow = "jobs: [{name: a, queue_timeout: 0.5, command: 'true'}]"
    run = dispatched(workflow, tmp_path, broker, new_key(tmp_path))
    assert run.warnings == ["a waits: the workers of the fleet have another key than this run"]
    assert "another key" in run.result.job("a").reason


def test_reasons_to_wait() -> None:
    queue = Queue("2", "k", ("gpu",), 90.0)
    worker = WorkerFacts("w", "2", "k", ("gpu", "linux"), 1)
    for workers, text, certain in (
        ([worker], "", False),
        ([], "no worker of the fleet is there", False),
        ([worker._replace(labels=("linux",))], "no worker has the label 'gpu'", False),
        ([worker._replace(key="other")], "the workers of the fleet have another key than this run", True),
        ([worker._replace(version="1")], "worker 'w' is runnerlib 1, and this is 2", True),
    ):
        assert waiting_for(queue, workers) == (text, certain)


def test_workers_of_another_version_get_no_job(own_broker: Broker, key: Path, tmp_path: Path) -> None:
    async def pretend() -> None:
        connection = Connection(own_broker.url, "test")
        await connection.open()
        facts = WorkerFacts("old", "0.0.1", read_key(str(key)).fingerprint, (), 1)
        await connection.workers.put("old", json.dumps(facts).encode())
        await connection.close()

    asyncio.run(pretend())
    run = dispatched("jobs: [{name: a, queue_timeout: 0.5, command: 'true'}]", tmp_path / "run", own_broker, key)
    assert run.warnings == [f"a waits: worker 'old' is runnerlib 0.0.1, and this is {own_version()}"]


def test_what_a_fleet_cannot_carry_is_refused(key: Path, tmp_path: Path) -> None:
    def refused(workflow: str, **env: str) -> str:
        with pytest.raises(ConfigError) as caught:
            planned(workflow, tmp_path, None, REACTORCIDE_FLEET="nats://127.0.0.1:1", **env)
        return str(caught.value)

    keyed = {"REACTORCIDE_FLEET_KEY_FILE": str(key)}
    job = "jobs: [{name: a, command: 'true', %s}]"
    assert refused(job % "timeout: 5") == "a fleet needs its key: give --fleet-key-file"
    assert "job 'a': artifacts need a store" in refused(job % "artifacts: {upload: x}", **keyed)
    assert "source_type copy needs a store" in refused(job % "source: {type: copy, url: /tmp}", **keyed)
    assert "is a path of this machine" in refused(job % f"source: {{type: git, url: {tmp_path}}}", **keyed)
    assert "plugin_dir is a directory" in refused(job % "timeout: 5", REACTORCIDE_PLUGIN_DIR=str(tmp_path), **keyed)
    assert "retry, fail" in refused(job % "on_worker_loss: maybe", **keyed)


def test_a_job_that_is_too_large_fails_alone(broker: Broker, key: Path, worker: Worker, tmp_path: Path) -> None:
    many = "".join(f"X{number}: '{'x' * 9000}', " for number in range(130))
    workflow = f"jobs: [{{name: a, command: 'true', env: {{{many}}}}}, {{name: b, command: 'true'}}]"
    run = dispatched(workflow, tmp_path, broker, key)
    assert run.outcomes == {"a": "failure", "b": "success"}
    assert "more than the fleet carries (1047552)" in run.result.job("a").reason


def test_addresses() -> None:
    assert address("nats://u:p@h").shown == "nats://h:4222"
    for url, text in (
        ("http://h", "unknown engine of a fleet 'http' (nats, tls)"),
        ("natz://h", "did you mean 'nats'?"),
        ("nats://", "the address of a fleet is nats://HOST:4222"),
        ("nats://h:x", "unknown engine"),
        ("nats://h/path", "the address of a fleet is"),
        ("tls://h?cc=x", "'tls://h:4222': unknown parameter 'cc' (ca, cert, key, creds, nkey)"),
        ("nats://h?ca=x", "'nats://h:4222': certificates are for tls://"),
    ):
        with pytest.raises(ConfigError) as caught:
            address(url)
        assert text in str(caught.value)
    with pytest.raises(ConfigError, match="cannot read '/none' \\(ca of 'tls://h:4222'\\): No such file"):
        address("tls://h?ca=/none").options()


def test_a_fleet_that_cannot_be_reached_is_one_sentence(key: Path, tmp_path: Path, own_broker: Broker) -> None:
    own_broker.kill()
    with pytest.raises(RunnerError) as caught:
        dispatched("jobs: [{name: a, command: 'true'}]", tmp_path, own_broker, key)
    assert str(caught.value).startswith(f"cannot reach the fleet at '{own_broker.url}': "), caught.value
    assert "refused" in str(caught.value)
    assert caught.value.exit_code == 125


def test_a_single_job_goes_to_no_fleet(tmp_path: Path) -> None:
    """An option that asks for it is refused; the variable is for the workflows of a machine."""
    done = runnerlib("run", "--job-command", "true", "--on", "nats://127.0.0.1:1", cwd=tmp_path)
    told = "error: fleet (command line, --on): a fleet runs the jobs of workflows, and this is a single job\n"
    assert (done.code, done.err) == (78, told)
    assert runnerlib("run", "--job-command", "true", cwd=tmp_path, REACTORCIDE_FLEET="nats://127.0.0.1:1").code == 0
    with pytest.raises(ConfigError, match="a fleet runs the jobs of workflows"):
        execute("true", fleet="nats://127.0.0.1:1", workspace=tmp_path)
