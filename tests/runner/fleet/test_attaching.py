"""Dispatchers that are killed or leave: the run goes on, another attaches to it, and nothing runs twice."""

from __future__ import annotations

import json
import signal
from pathlib import Path

import pytest

from tests.integration.cli import Done, runnerlib
from tests.runner.fleet.machines import Broker, Worker, dispatching, lines, working
from tests.waiting import until

# The first job ends, the second waits for the test, the third for both; the secret comes before the dispatcher dies.
WORKFLOW = r"""
name: w
jobs:
  - name: first
    command: "echo first >> {log}; echo one says {secret}; echo x=1 >> $RUNNERLIB_OUTPUT"
  - name: second
    needs: first
    command: "echo second >> {log}; echo early; until test -e {go}; do sleep 0.05; done; echo late"
  - name: third
    needs: [first, second]
    command: "echo third >> {log}; echo has $RUNNERLIB_OUTPUT_FIRST_X and {secret}"
"""
JOBS = ["first", "second", "third"]


class Place:
    """The files of one test: a log of what ran, and a file that lets the second job go on."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.log = directory / "ran"
        self.go = directory / "go"

    @property
    def workflow(self) -> str:
        return WORKFLOW.replace("{log}", str(self.log)).replace("{go}", str(self.go)).replace("{secret}", "given-9931")

    @property
    def ran(self) -> list[str]:
        return list(lines(self.log))


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


SECRET = {"REACTORCIDE_SECRET_VALUES_LIST": "given-9931"}


def of_fleet(place: Place, broker: Broker, *words: str, **env: str) -> Done:
    return runnerlib(*words, cwd=place.directory, REACTORCIDE_FLEET=broker.url, **env)


def state(place: Place, broker: Broker, run: str) -> str:
    """The state of a run that `runs list` shows, which knows its workflow."""
    done = of_fleet(place, broker, "runs", "list", "--json")
    (found,) = [one for one in json.loads(done.out) if one["run"] == run]
    assert found["workflow"] == "w"
    return str(found["state"])


def test_a_dispatcher_that_is_killed_attaches_again(broker: Broker, key: Path, worker: Worker, place: Place) -> None:
    first = dispatching(place.directory / "d", place.workflow, broker, key, "--run-id", "again", **SECRET)
    until(lambda: place.ran == JOBS[:2] and "early" in first.said)
    first.kill()
    env = {"REACTORCIDE_FLEET_KEY_FILE": str(key), **SECRET}
    assert state(place, broker, "again") == "running"
    logs = of_fleet(place, broker, "runs", "logs", "again").out.decode()
    assert logs.splitlines() == ["first | one says [REDACTED]", "second | early"]
    place.go.touch()
    second = of_fleet(place, broker, "runs", "attach", "again", **env)
    assert second.code == 0, (second.out, second.err)
    out = second.out.decode()
    assert place.ran == JOBS
    shown = [line.partition("│ ")[2] for line in out.splitlines() if "│ " in line]
    assert shown == ["one says [REDACTED]", "early", "late", "has 1 and [REDACTED]"]
    assert "given-9931" not in out + first.said
    third = of_fleet(place, broker, "runs", "attach", "again", **env)
    assert (third.code, third.err[:31]) == (78, "error: run 'again' has ended; i")


def test_the_same_run_id_attaches_and_another_workflow_does_not(
    broker: Broker, key: Path, worker: Worker, place: Place
) -> None:
    words = ("--run-id", "same")
    first = dispatching(place.directory / "d", place.workflow, broker, key, *words)
    until(lambda: place.ran == JOBS[:2])
    twice = dispatching(place.directory / "e", place.workflow, broker, key, *words)
    assert twice.end() == 125
    assert "error: another process dispatches run 'same'\n" in twice.said
    first.kill()
    other = dispatching(place.directory / "o", place.workflow + "# other\nvars: {a: b}", broker, key, *words)
    assert other.end() == 78
    assert "error: run 'same' was begun with another workflow, other variables or another key" in other.said
    place.go.touch()
    again = dispatching(place.directory / "d", place.workflow, broker, key, *words)
    assert again.end() == 0, again.said
    assert place.ran == JOBS
    once_more = dispatching(place.directory / "d", place.workflow, broker, key, *words)
    assert once_more.end() == 78
    assert "error: run 'same' has ended; give another --run-id\n" in once_more.said


def test_a_job_that_waits_for_a_worker_is_not_handed_in_twice(own_broker: Broker, key: Path, place: Place) -> None:
    """The queue has it once, however late the dispatcher comes back: no window of time makes it one job."""
    words = ("--run-id", "queued")
    first = dispatching(place.directory / "d", place.workflow, own_broker, key, *words)
    until(lambda: own_broker.queued == 1)
    first.kill()
    own_broker.forget_duplicates()
    place.go.touch()
    again = own_broker.hears_of_job(lambda: dispatching(place.directory / "d", place.workflow, own_broker, key, *words))
    with working(own_broker, key, "w1"):
        assert again.end() == 0, again.said
    assert place.ran == JOBS
    assert own_broker.queued == 0


def test_nobody_comes_back_and_the_run_lease_ends_what_is_left(
    broker: Broker, key: Path, worker: Worker, place: Place
) -> None:
    env = {"REACTORCIDE_FLEET_LEASE": "3", "REACTORCIDE_FLEET_RUN_LEASE": "2"}
    workflow = place.workflow.replace("echo late", "echo late > {late}").replace(
        "until test", f"trap 'echo stopped >> {place.log}; exit 3' TERM; until test"
    )
    first = dispatching(place.directory / "d", workflow, broker, key, "--run-id", "lost", **env)
    until(lambda: place.ran == JOBS[:2])
    first.kill()
    until(lambda: place.ran == [*JOBS[:2], "stopped"])
    until(lambda: "job lost.1 belongs to a run that is gone" in worker.said)
    assert state(place, broker, "lost") == "lost"


def test_a_detached_run_goes_on_without_a_dispatcher(broker: Broker, key: Path, worker: Worker, place: Place) -> None:
    env = {"REACTORCIDE_FLEET_LEASE": "3", "REACTORCIDE_FLEET_RUN_LEASE": "1"}
    words = ("--run-id", "detached", "--detach")
    first = dispatching(place.directory / "d", place.workflow, broker, key, *words, **env)
    until(lambda: place.ran == JOBS[:2])
    assert first.end(signal.SIGTERM) == 143
    assert "run 'detached' goes on; `runnerlib runs attach detached` comes back to it" in first.said
    until(lambda: state(place, broker, "detached") == "detached")
    place.go.touch()
    until(lambda: "job detached.1 ended" in worker.said)
    again = of_fleet(place, broker, "runs", "attach", "detached", REACTORCIDE_FLEET_KEY_FILE=str(key), **env)
    assert again.code == 0, again.err
    assert place.ran == JOBS
    assert b"late" in again.out


def test_runs_are_cancelled_with_and_without_a_dispatcher(
    broker: Broker, key: Path, worker: Worker, place: Place
) -> None:
    workflow = place.workflow.replace("until test", f"trap 'echo stopped >> {place.log}; exit 3' TERM; until test")
    env = {"REACTORCIDE_FLEET_LEASE": "3"}
    first = dispatching(place.directory / "d", workflow, broker, key, "--run-id", "cancelled")
    until(lambda: place.ran == JOBS[:2])
    done = of_fleet(place, broker, "runs", "cancel", "cancelled")
    assert (done.code, done.out) == (0, b"run 'cancelled' is cancelled\n")
    assert first.end() == 143
    assert place.ran == [*JOBS[:2], "stopped"]
    place.log.unlink()
    second = dispatching(place.directory / "e", workflow, broker, key, "--run-id", "left", "--detach", **env)
    until(lambda: place.ran == JOBS[:2])
    second.kill()
    assert of_fleet(place, broker, "runs", "cancel", "left").code == 0
    until(lambda: place.ran == [*JOBS[:2], "stopped"])
    assert of_fleet(place, broker, "runs", "cancel", "left").out == b"run 'left' was cancelled before\n"


def test_runs_that_are_not_there(broker: Broker, tmp_path: Path) -> None:
    place = Place(tmp_path)
    for words, text in (
        (("cancel", "none"), "the fleet has no run 'none'; `runnerlib runs list` shows those that it has"),
        (("logs", "none"), "this user has no run 'none'; `runnerlib runs list` shows those of the fleet"),
        (("attach", "none"), "this user has no run 'none'; `runnerlib runs list` shows those of the fleet"),
        (("attach", "../x"), "RUN: got '../x', a name of letters, digits, '-' and '_', at most 64, is expected"),
    ):
        done = of_fleet(place, broker, "runs", *words)
        assert (done.code, done.err) == (78, f"error: {text}\n")
    done = runnerlib("run", "--job-command", "true", "--detach", cwd=tmp_path)
    assert (done.code, done.err) == (
        78,
        "error: detach (command line, --detach): is for runs on a fleet; give --on, too\n",
    )
