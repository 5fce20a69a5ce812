"""Workers and brokers that are killed: the job runs again and says so, fails where it must not, or goes on."""

from __future__ import annotations

import os
import signal
import threading
from pathlib import Path

from tests.runner.fleet.machines import Broker, dispatched, lines, working
from tests.waiting import until

LEASE = {"REACTORCIDE_FLEET_LEASE": "3"}
# Each attempt says that it is there, and the first one hangs until it is killed.
WORKFLOW = """
jobs:
  - name: a
    steps:
      - name: s
        run: "echo begins; echo $$ >> {file}; test $(wc -l < {file}) -gt 1 || sleep 1234; echo ends"
"""


def test_a_worker_that_is_killed_is_told_and_its_job_runs_once_more(
    own_broker: Broker, key: Path, tmp_path: Path
) -> None:
    file = tmp_path / "attempts"
    workflow = WORKFLOW.replace("{file}", str(file))
    with working(own_broker, key, "w1") as first:

        def kill() -> None:
            until(lambda: len(lines(file)) == 1)
            first.process.send_signal(signal.SIGKILL)

        killing = threading.Thread(target=kill)
        killing.start()
        with working(own_broker, key, "w2", "--labels", "none", slots=1) as second:
            second.process.send_signal(signal.SIGSTOP)  # so that the first one takes the job
            waking = threading.Thread(
                target=lambda: (killing.join(), second.process.send_signal(signal.SIGCONT)), daemon=True
            )
            waking.start()
            run = dispatched(workflow, tmp_path / "run", own_broker, key, **LEASE)
            waking.join()
    assert run.result.exit_code == 0, run.everything
    assert run.warnings == ["a: worker 'w1' was lost, attempt 2 runs on worker 'w2'"]
    assert run.result.job("a").worker == "w2"
    assert run.result.job("a").attempts == 2
    assert run.output("a/s").endswith("begins\nends\n"), "a worker that is killed may keep its last lines"
    assert len(lines(file)) == 2
    until(lambda: not os.path.exists(f"/proc/{lines(file)[0]}"))


def test_a_job_that_must_not_run_twice_fails_with_its_worker(own_broker: Broker, key: Path, tmp_path: Path) -> None:
    file = tmp_path / "attempts"
    workflow = WORKFLOW.replace("{file}", str(file)).replace("name: a\n", "name: a\n    on_worker_loss: fail\n")

    def kill_and_replace() -> None:
        until(lambda: len(lines(file)) == 1)
        first.process.send_signal(signal.SIGKILL)
        second.process.send_signal(signal.SIGCONT)

    with working(own_broker, key, "w1") as first, working(own_broker, key, "w2") as second:
        second.process.send_signal(signal.SIGSTOP)
        killing = threading.Thread(target=kill_and_replace)
        killing.start()
        run = dispatched(workflow, tmp_path / "run", own_broker, key, **LEASE)
        killing.join()
    job = run.result.job("a")
    assert (job.outcome, job.cause, job.reason) == ("failure", "lost", "worker 'w1' was lost")
    assert len(lines(file)) == 1


def test_a_broker_that_is_killed_comes_back_and_the_job_goes_on(own_broker: Broker, key: Path, tmp_path: Path) -> None:
    file, go = tmp_path / "attempts", tmp_path / "go"
    step = f"echo x >> {file}; echo before; until test -e {go}; do sleep 0.05; done; echo after"
    workflow = f"jobs: [{{name: a, command: '{step}'}}]"

    def kill_and_start() -> None:
        until(lambda: len(lines(file)) == 1)
        own_broker.kill()
        go.touch()
        own_broker.start()

    with working(own_broker, key, "w1") as worker:
        killing = threading.Thread(target=kill_and_start)
        killing.start()
        run = dispatched(workflow, tmp_path / "run", own_broker, key)
        killing.join()
        assert worker.end() == 0
    assert run.result.exit_code == 0
    assert run.output("a") == "before\nafter\n"
    assert lines(file) == ["x"]
    assert run.result.job("a").attempts == 1
