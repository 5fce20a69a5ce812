"""Jobs that are stopped in each state, orders of jobs, and how many of them run at a time."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from runnerlib._util.cancellation import Stop
from runnerlib.runner.fleet import job as fleet_job
from runnerlib.runner.fleet.contract import Frame, LeaseLostError, WorkerFacts
from runnerlib.runner.fleet.extra import own_version
from runnerlib.runner.fleet.jetstream import taking
from runnerlib.runner.fleet.keys import read_key
from tests.runner.fleet.machines import Broker, Worker, dispatched, dispatching, lines, working
from tests.runner.workflow.house import Ran
from tests.waiting import until

JOB = "jobs: [{name: a, command: 'echo begun >> {log}; until test -e {go}; do sleep 0.05; done; echo done >> {log}'}]"


class Place:
    def __init__(self, directory: Path, workflow: str = JOB) -> None:
        self.directory = directory
        self.log, self.go = directory / "ran", directory / "go"
        self.workflow = workflow.replace("{log}", str(self.log)).replace("{go}", str(self.go))

    @property
    def ran(self) -> list[str]:
        return list(lines(self.log))


@contextmanager
def stopping(when: Callable[[], None]) -> Iterator[Stop]:
    """A token that is asked to stop the run once `when` has returned, in a thread."""
    stop = Stop()
    thread = threading.Thread(target=lambda: (when(), stop.request(signal.SIGTERM)))
    thread.start()
    yield stop
    thread.join()


def frozen(*pids: int) -> None:
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
        until(lambda pid=pid: Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "T")


def below(pid: int) -> list[int]:
    return [int(one) for path in Path(f"/proc/{pid}/task").glob("*/children") for one in path.read_text().split()]


def is_cancelled(run: Ran) -> bool:
    return run.result.exit_code == 143 and run.outcomes == {"a": "cancelled"}


def test_a_job_that_is_queued_never_starts(own_broker: Broker, key: Path, tmp_path: Path) -> None:
    place = Place(tmp_path)
    with stopping(lambda: until(lambda: own_broker.queued == 1)) as stop:
        run = dispatched(place.workflow, tmp_path / "run", own_broker, key, stop=stop)
    assert is_cancelled(run)
    assert own_broker.queued == 0
    with working(own_broker, key, "w1"):
        following = dispatched("jobs: [{name: b, command: 'true'}]", tmp_path / "next", own_broker, key)
    assert following.outcomes == {"b": "success"}
    assert place.ran == []


def test_a_job_that_is_being_taken_never_starts(own_broker: Broker, key: Path, tmp_path: Path) -> None:
    """A worker has it, and has not said yet that it begins: it cannot any more."""
    facts = WorkerFacts("played", own_version(), read_key(str(key)).fingerprint, (), 1)
    told: list[bool] = []

    async def play(taken: threading.Event, over: threading.Event) -> None:
        source = await taking(own_broker.url, facts)
        lease = None
        while lease is None:
            lease = await source.take(1)
        assert (await lease.begun()).last is None
        taken.set()
        await asyncio.get_running_loop().run_in_executor(None, over.wait)
        try:
            await lease.put(Frame("begin", lease.ticket.number, 1, 0, "played"))
        except LeaseLostError:
            told.append(True)
        await source.close()

    taken, over = threading.Event(), threading.Event()
    worker = threading.Thread(target=lambda: asyncio.run(play(taken, over)))
    worker.start()
    with stopping(lambda: taken.wait(60)) as stop:  # type: ignore[arg-type,return-value]
        run = dispatched(JOB, tmp_path / "run", own_broker, key, stop=stop)
    over.set()
    worker.join()
    assert is_cancelled(run)
    assert told == [True]


def test_a_job_that_is_starting_runs_nothing(own_broker: Broker, key: Path, tmp_path: Path) -> None:
    """The worker has begun it, and the process that was made for it ahead is frozen until it is stopped."""
    place = Place(tmp_path)
    with working(own_broker, key, "w1") as worker:
        (zygote,) = below(worker.process.pid)
        until(lambda: bool(below(zygote)))
        processes = [zygote, *below(zygote)]
        frozen(*processes)
        dispatcher = dispatching(tmp_path / "d", place.workflow, own_broker, key)
        until(lambda: "begins" in worker.said)
        dispatcher.process.send_signal(signal.SIGTERM)
        until(lambda: any("stop" in text for text in own_broker.marks))
        until(lambda: "asked to stop" in worker.said)
        for pid in processes:
            os.kill(pid, signal.SIGCONT)
        assert dispatcher.end() == 143, dispatcher.said
    assert place.ran == []


def test_a_job_that_runs_is_stopped_with_its_tree(broker: Broker, key: Path, worker: Worker, tmp_path: Path) -> None:
    command = (
        "trap 'echo tidied >> {log}; exit 3' TERM; setsid sleep 7777 & echo $! >> {log}; echo begun >> {log}; wait"
    )
    place = Place(tmp_path, f'jobs: [{{name: a, command: "{command}"}}]')
    with stopping(lambda: until(lambda: "begun" in place.ran)) as stop:
        run = dispatched(place.workflow, tmp_path / "run", broker, key, stop=stop)
    assert is_cancelled(run)
    pid, *rest = place.ran
    assert rest == ["begun", "tidied"]
    until(lambda: not Path(f"/proc/{pid}").exists())


def test_a_job_that_ends_as_it_is_stopped_ends_once(own_broker: Broker, key: Path, tmp_path: Path) -> None:
    """Its worker is frozen while the job ends: the end and the stop meet."""
    place = Place(tmp_path)
    with working(own_broker, key, "w1") as worker:

        def end() -> None:
            until(lambda: place.ran == ["begun"])
            frozen(worker.process.pid)
            place.go.touch()
            until(lambda: place.ran == ["begun", "done"])

        with stopping(end) as stop:
            thread = threading.Thread(
                target=lambda: (
                    until(lambda: any("stop" in text for text in own_broker.marks)),
                    worker.process.send_signal(signal.SIGCONT),
                )
            )
            thread.start()
            run = dispatched(place.workflow, tmp_path / "run", own_broker, key, stop=stop)
            thread.join()
    assert place.ran == ["begun", "done"]
    assert run.result.exit_code == 143
    assert [job.outcome for job in run.jobs_finished] == [run.outcomes["a"]]
    assert run.outcomes["a"] in {"success", "cancelled"}


def test_a_run_that_is_stopped_while_the_server_is_away_ends(own_broker: Broker, key: Path, tmp_path: Path) -> None:
    place = Place(tmp_path)
    env = {"REACTORCIDE_GRACE_PERIOD": "0", "REACTORCIDE_DRAIN_TIMEOUT": "0", "REACTORCIDE_FLEET_LEASE": "2"}
    with working(own_broker, key, "w1") as worker:

        def kill() -> None:
            until(lambda: place.ran == ["begun"])
            own_broker.kill()

        with stopping(kill) as stop:
            run = dispatched(place.workflow, tmp_path / "run", own_broker, key, stop=stop, **env)
        assert is_cancelled(run)
        (warning,) = run.warnings
        assert warning == "a: worker 'w1' does not answer, so the run ends without the job; it stops there within 600 s"
        until(lambda: not busy(worker))
    assert place.ran == ["begun"]


def busy(worker: Worker) -> list[int]:
    """The agents of a worker that run a step; one more waits for the next job."""
    return [agent for zygote in below(worker.process.pid) for agent in below(zygote) if below(agent)]


def test_a_job_that_waits_is_told_after_a_minute(
    broker: Broker, key: Path, worker: Worker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The minute is made shorter; the sentence comes once."""
    monkeypatch.setattr(fleet_job, "_TOLD_AFTER", 0.1)
    monkeypatch.setattr(fleet_job, "_LOOKS", 0.05)
    workflow = "jobs: [{name: a, runs_on: moon, queue_timeout: 1.5, command: 'true'}]"
    run = dispatched(workflow, tmp_path, broker, key)
    assert run.warnings == ["a waits: no worker has the label 'moon'"]


def test_jobs_of_a_higher_priority_begin_first(own_broker: Broker, key: Path, tmp_path: Path) -> None:
    jobs = "".join(
        f"  - {{name: j{number}, priority: {priority}, command: 'echo {priority}-{number} >> {tmp_path}/ran'}}\n"
        for number, priority in enumerate((1, 9, 5, 9, 1, 0, 5))
    )
    dispatcher = dispatching(tmp_path / "d", f"jobs:\n{jobs}", own_broker, key)
    until(lambda: own_broker.queued == 7)
    with working(own_broker, key, "w1", slots=1):
        assert dispatcher.end() == 0
    assert list(lines(tmp_path / "ran")) == ["9-1", "9-3", "5-2", "5-6", "1-0", "1-4", "0-5"]


def test_max_parallel_holds_on_all_workers_together(own_broker: Broker, key: Path, tmp_path: Path) -> None:
    """Each job waits for another one, so that two run at a time; four could."""
    wait = "until test $(grep -c + {log}) -gt 1; do sleep 0.02; done"
    jobs = "".join(f"  - {{name: j{n}, command: 'echo + >> {{log}}; {wait}; echo - >> {{log}}'}}\n" for n in range(6))
    place = Place(tmp_path, f"jobs:\n{jobs}")
    env = {"REACTORCIDE_MAX_PARALLEL": "2"}
    with working(own_broker, key, "w1"), working(own_broker, key, "w2"):
        dispatcher = dispatching(tmp_path / "d", place.workflow, own_broker, key, **env)
        assert dispatcher.end() == 0, dispatcher.said
    running = [sum(1 if sign == "+" else -1 for sign in place.ran[:end]) for end in range(1, 13)]
    assert max(running) == 2
