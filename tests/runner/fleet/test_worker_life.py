"""A worker from its start to its end: what it answers about itself, what a fleet says of it, how it leaves."""

from __future__ import annotations

import http.client
import json
import os
import signal
from pathlib import Path

from tests.integration.cli import runnerlib
from tests.output.telemetry.collector import collecting
from tests.output.telemetry.test_metrics import checked, value
from tests.runner.fleet.machines import Broker, Worker, dispatched, dispatching, lines, working
from tests.runner.fleet.test_stopping import Place, frozen
from tests.waiting import until


def asked(worker: Worker, path: str, method: str = "GET") -> tuple[int, dict[str, object]]:
    status, body = answered(worker, path, method)
    return status, json.loads(body) if body else {}


def answered(worker: Worker, path: str, method: str = "GET") -> tuple[int, bytes]:
    until(lambda: "answers at port" in worker.said)
    port = int(worker.said.partition("answers at port ")[2].split()[0])
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        connection.request(method, path)
        response = connection.getresponse()
        return response.status, response.read()
    finally:
        connection.close()


def test_a_worker_that_leaves_finishes_its_jobs_and_takes_no_more(
    own_broker: Broker, key: Path, tmp_path: Path
) -> None:
    first, second = Place(tmp_path / "1"), Place(tmp_path / "2")
    for place in (first, second):
        place.directory.mkdir()
    with working(own_broker, key, "w1", "--health", "0") as leaving:
        assert asked(leaving, "/readyz")[0] == 200
        running = dispatching(first.directory / "d", first.workflow, own_broker, key)
        until(lambda: first.ran == ["begun"])
        assert asked(leaving, "/healthz")[1]["running"] == 1
        leaving.process.send_signal(signal.SIGTERM)
        until(lambda: "takes no more jobs, 1 to finish" in leaving.said)
        status, state = asked(leaving, "/readyz")
        assert (status, state["leaving"], state["connected"]) == (503, True, True)
        assert asked(leaving, "/healthz")[0] == 200
        second.go.touch()
        waiting = dispatching(second.directory / "d", second.workflow, own_broker, key)
        until(lambda: own_broker.queued == 2)
        with working(own_broker, key, "w2"):
            assert waiting.end() == 0, waiting.said
        first.go.touch()
        assert running.end() == 0, running.said
        assert leaving.process.wait(60) == 0
    assert "job " in leaving.said
    assert leaving.said.count("begins") == 1
    assert first.ran == second.ran == ["begun", "done"]


def test_a_second_signal_stops_the_jobs_of_a_worker(own_broker: Broker, key: Path, tmp_path: Path) -> None:
    command = "trap 'echo tidied >> {log}; exit 3' TERM; echo begun >> {log}; sleep 4321 & wait"
    place = Place(tmp_path, f'jobs: [{{name: a, command: "{command}"}}]')
    with working(own_broker, key, "w1") as worker:
        run = dispatching(tmp_path / "d", place.workflow, own_broker, key)
        until(lambda: place.ran == ["begun"])
        worker.process.send_signal(signal.SIGTERM)
        until(lambda: "to finish" in worker.said)
        worker.process.send_signal(signal.SIGTERM)
        assert worker.process.wait(60) == 0
        assert run.end() != 0
    assert place.ran == ["begun", "tidied"]


def test_health_answers_what_is_asked(own_broker: Broker, key: Path, tmp_path: Path) -> None:
    with working(own_broker, key, "w1", "--health", "127.0.0.1:0") as worker:
        assert asked(worker, "/")[0] == 404
        assert asked(worker, "/healthz", "POST")[0] == 405
        assert asked(worker, "/healthz", "HEAD") == (200, {})
        own_broker.kill()
        until(lambda: asked(worker, "/readyz")[0] == 503)
        assert asked(worker, "/healthz")[1]["connected"] is False
        own_broker.start()
        until(lambda: asked(worker, "/readyz")[0] == 200)
    for given in ("x", "1:99999", "host:"):
        words = ("worker", "--on", own_broker.url, "--fleet-key-file", str(key), "--health", given)
        done = runnerlib(*words, cwd=tmp_path)
        assert (done.code, done.err) == (78, f"error: --health: got '{given}', PORT or HOST:PORT is expected\n")


def test_figures_and_spans_of_jobs_on_a_worker(own_broker: Broker, key: Path, tmp_path: Path) -> None:
    jobs = "{name: a, command: 'echo correct-horse $TRACEPARENT', matrix: {x: [1, 2]}}, {name: b, command: 'exit 3'}"
    (tmp_path / "w.yaml").write_text(f"workflow: {{name: 'w \"1\"', jobs: [{jobs}]}}")
    words = ("run", "--workflow-file", "w.yaml", "--on", own_broker.url, "--fleet-key-file", str(key))
    with working(own_broker, key, "w1", "--health", "0") as worker:
        before = checked(answered(worker, "/metrics")[1].decode())
        assert value(before, "worker_slots", worker="w1") == 2
        more = ("--secret-values-list", "correct-horse", "--metrics-file", "x.prom")
        with collecting() as collector:
            receiver = {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.url, "OTEL_EXPORTER_OTLP_TIMEOUT": "60000"}
            done = runnerlib(*words, *more, cwd=tmp_path, **receiver)
        assert done.code == 3
        until(lambda: b'ended_jobs_total{worker="w1"} 3' in answered(worker, "/metrics")[1])
        after = checked(answered(worker, "/metrics")[1].decode())
    mine = checked((tmp_path / "x.prom").read_text())
    for text in (after, mine):
        assert value(text, "jobs_total", pipeline='w \\"1\\"', outcome="success") == 2
        assert value(text, "jobs_total", pipeline='w \\"1\\"', outcome="failure") == 1
        assert value(text, "masked_secrets_total", pipeline='w \\"1\\"') == 2
    assert "last_run_step" not in after
    assert "correct-horse" not in after + mine
    # A step on a worker is told the span that the observer of the run makes.
    told = {word.split("-")[2] for word in done.out.decode().split() if word.startswith("00-")}
    attempts = {one.span_id.hex(): one.parent_span_id for one in collector.spans if one.name == "attempt 1"}
    assert told < set(attempts)
    assert len(told) == 2
    assert {line for line in collector.tree() if "prepare" in line} == {"    phase prepare"}


def test_the_state_of_a_fleet(own_broker: Broker, key: Path, tmp_path: Path) -> None:
    words = ("fleet", "status", "--on", own_broker.url)
    place = Place(tmp_path)
    many = "jobs: [{name: a, priority: 3, command: 'true'}, {name: b, runs_on: moon, command: 'true'}]"
    with working(own_broker, key, "w1", "--labels", "gpu", slots=1), working(own_broker, key, "w2", slots=1) as other:
        frozen(other.process.pid)
        running = dispatching(tmp_path / "d", place.workflow, own_broker, key)
        until(lambda: place.ran == ["begun"])
        waiting = dispatching(tmp_path / "e", many, own_broker, key)
        until(lambda: own_broker.queued == 3)
        state = json.loads(runnerlib(*words, "--json", cwd=tmp_path).out)
        found = [(one["name"], one["slots"], one.get("running"), one["ready"]) for one in state["workers"]]
        assert found == [("w1", 1, 1, True), ("w2", 1, None, None)]
        queues = [(one["priority"], one["labels"], one["waiting"], one["running"]) for one in state["queues"]]
        assert queues == [(3, [], 1, 0), (0, [], 0, 1), (0, ["moon"], 1, 0)]
        assert all((one["oldest"] > 0) == (one["waiting"] > 0) for one in state["queues"])
        told = runnerlib(*words, cwd=tmp_path).out.decode().splitlines()
        assert [line.split()[:3] for line in told[:2]] == [["worker", "state", "slots"], ["w1", "ready", "1/1"]]
        assert "no answer" in told[2]
        other.process.send_signal(signal.SIGCONT)
        place.go.touch()
        assert running.end() == 0
        waiting.kill()
    assert lines(place.log) == ["begun", "done"]


def test_a_worker_notices_that_the_agent_which_waits_for_a_job_was_killed(
    own_broker: Broker, key: Path, tmp_path: Path
) -> None:
    with working(own_broker, key, "w1") as worker:
        (zygote,) = descendants(worker.process.pid)
        until(lambda: len(descendants(zygote)) == 1)
        (waiting,) = descendants(zygote)
        os.kill(waiting, signal.SIGKILL)
        until(lambda: waiting not in descendants(zygote))
        run = dispatched("jobs: {a: {command: 'true', on_worker_loss: fail}}", tmp_path / "run", own_broker, key)
    assert (run.result.exit_code, run.warnings, run.result.jobs[0].attempts) == (0, [], 1)


def descendants(pid: int) -> list[int]:
    """The children of a process that have not ended."""
    return [int(one) for one in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
