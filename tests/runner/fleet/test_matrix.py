"""Faults by force: killed and frozen processes, a cut network, a server that is away for long or has lost its disk."""

from __future__ import annotations

import asyncio
import copy
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest

from runnerlib.runner.fleet.contract import Frame, LeaseLostError, Queue, Ticket, WorkerFacts
from runnerlib.runner.fleet.jetstream import RunTerms, taking
from runnerlib.runner.fleet.jetstream import dispatching as entering
from tests.runner.fleet.machines import Broker, Dispatcher, Worker, dispatching, lines, working
from tests.runner.fleet.test_stopping import below, busy, frozen
from tests.waiting import until

LEASE = {"REACTORCIDE_FLEET_LEASE": "3"}
# The first attempt hangs; a later one says whether anything of the first is left.
WORKFLOW = """
jobs:
  - name: a
    command: |
      alive='^State:[[:space:]]*[^Z[:space:]]'
      test -e {log} && grep -q $alive /proc/$(cat {log})/status && echo both at once >> {faults}
      echo $$ >> {log}
      test $(wc -l < {log}) -gt 1 || sleep 4321
      echo ends
  - {name: b, needs: a, command: "echo after"}
"""


class Place:
    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.log, self.faults = directory / "attempts", directory / "faults"
        self.workflow = WORKFLOW.replace("{log}", str(self.log)).replace("{faults}", str(self.faults))

    @property
    def attempts(self) -> list[str]:
        return list(lines(self.log))

    def dispatched(self, broker: Broker, key: Path, *words: str, **env: str) -> Dispatcher:
        return dispatching(self.directory / "d", self.workflow, broker, key, *words, **{**LEASE, **env})

    def check(self, dispatcher: Dispatcher, attempts: int, said: str) -> None:
        """The run ends right, once, with nothing of an old attempt beside a new one, and the loss is told."""
        assert dispatcher.end() == 0, dispatcher.said
        assert len(self.attempts) == attempts
        assert not self.faults.exists()
        assert said in dispatcher.said
        assert "b │ after" in dispatcher.said
        for pid in self.attempts:
            until(partial(gone, pid))


def gone(pid: str) -> bool:
    """Return whether a process has ended, be it that nobody has taken its end yet."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except (FileNotFoundError, ProcessLookupError):
        return True


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


@contextmanager
def first_and_second(broker: Broker, key: Path) -> Iterator[tuple[Worker, Worker]]:
    """Two workers, of which the second one takes no job until it is woken."""
    with working(broker, key, "w1", slots=1) as first, working(broker, key, "w2", slots=1) as second:
        frozen(second.process.pid)
        yield first, second


def test_an_agent_that_is_killed(own_broker: Broker, key: Path, place: Place) -> None:
    """The worker notices, and hands the job back at once."""
    with working(own_broker, key, "w1") as worker:
        dispatcher = place.dispatched(own_broker, key, REACTORCIDE_FLEET_LEASE="600")
        until(lambda: len(place.attempts) == 1)
        (agent,) = busy(worker)
        os.kill(agent, signal.SIGKILL)
        place.check(dispatcher, 2, "a: its process on worker 'w1' was lost, attempt 2 runs on worker 'w1'")


def test_a_worker_that_is_frozen_longer_than_its_lease(own_broker: Broker, key: Path, place: Place) -> None:
    """Its agent stops the job by its own clock before another one begins; what it says later is refused."""
    with first_and_second(own_broker, key) as (first, second):
        dispatcher = place.dispatched(own_broker, key)
        until(lambda: len(place.attempts) == 1)
        frozen(first.process.pid)
        second.process.send_signal(signal.SIGCONT)
        place.check(dispatcher, 2, "a: worker 'w1' was lost, attempt 2 runs on worker 'w2'")
        first.process.send_signal(signal.SIGCONT)
        until(lambda: "it is stopped here" in first.said or "the lease was lost" in first.said)


def test_a_worker_and_its_job_that_are_frozen_together(own_broker: Broker, key: Path, place: Place) -> None:
    """As a machine that sleeps: the second attempt runs, and what the first one says when it wakes is refused."""
    with first_and_second(own_broker, key) as (first, second):
        dispatcher = place.dispatched(own_broker, key)
        until(lambda: len(place.attempts) == 1)
        agents = [agent for zygote in below(first.process.pid) for agent in below(zygote)]
        frozen(first.process.pid, *agents, int(place.attempts[0]))
        second.process.send_signal(signal.SIGCONT)
        assert dispatcher.end() == 0, dispatcher.said
        assert len(place.attempts) == 2
        assert "a: worker 'w1' was lost, attempt 2 runs on worker 'w2'" in dispatcher.said
        for pid in (int(place.attempts[0]), *agents, first.process.pid):
            os.kill(pid, signal.SIGCONT)
        until(partial(gone, place.attempts[0]))


def test_a_server_that_is_away_longer_than_the_lease(own_broker: Broker, key: Path, place: Place) -> None:
    """The worker stops the job, whose lease it cannot renew; with the server there is a second attempt."""
    with working(own_broker, key, "w1") as worker:
        dispatcher = place.dispatched(own_broker, key)
        until(lambda: len(place.attempts) == 1)
        own_broker.kill()
        until(partial(gone, place.attempts[0]))
        own_broker.start()
        place.check(dispatcher, 2, "was lost, attempt 2 runs on worker 'w1'")
        assert worker.end() == 0


def test_a_server_that_has_lost_its_disk(own_broker: Broker, key: Path, place: Place) -> None:
    """The run fails and says so, the job is stopped, and the worker takes the jobs of the next run."""
    with working(own_broker, key, "w1"):
        dispatcher = place.dispatched(own_broker, key)
        until(lambda: len(place.attempts) == 1)
        own_broker.kill()
        own_broker.lose_disk()
        own_broker.start()
        assert dispatcher.end() == 125
        lost = f"error: the fleet at '{own_broker.url}' has lost the jobs and output of its runs\n"
        assert lost in dispatcher.said
        until(partial(gone, place.attempts[0]))
        following = dispatching(place.directory / "n", "jobs: [{name: c, command: echo next}]", own_broker, key)
        assert following.end() == 0, following.said


def test_a_network_that_is_cut(key: Path, place: Place) -> None:
    """Three machines in namespaces: the server and the dispatcher, and two workers, one of which is cut off."""
    with network() as (address, spaces):
        broker = Broker(place.directory / "broker", host=address)
        try:
            with (
                working(broker, key, "w1", slots=1, space=spaces[0]) as first,
                working(broker, key, "w2", slots=1, space=spaces[1]) as second,
            ):
                frozen(second.process.pid)
                dispatcher = place.dispatched(broker, key)
                until(lambda: len(place.attempts) == 1)
                link(spaces[0], "down")
                second.process.send_signal(signal.SIGCONT)
                place.check(dispatcher, 2, "a: worker 'w1' was lost, attempt 2 runs on worker 'w2'")
                link(spaces[0], "up")
                until(lambda: "the lease was lost" in first.said or "it is stopped here" in first.said)
        finally:
            broker.kill()


def test_what_comes_twice_counts_once(own_broker: Broker) -> None:
    """A ticket, a frame, and a frame of an old attempt, as they come from machines that try again."""
    queue = Queue("1", "k", (), 30.0)
    ticket = Ticket("twice", 0, queue)

    async def play() -> list[Frame]:
        async with entering(own_broker.url, RunTerms("twice", 60.0, False, 0.0)) as engine:
            for _ in range(2):
                await engine.submit(ticket, b"sealed")
            assert (await engine._js.stream_info("RUNNERLIB_JOBS")).state.messages == 1
            source = await taking(own_broker.url, WorkerFacts("w", "1", "k", (), 1))
            lease = None
            while lease is None:
                lease = await source.take(1)
            assert (await lease.begun()).attempt == 1
            frames = [
                Frame("begin", 0, 1, 0, "w"),
                Frame("events", 0, 1, 1, "w", b"x"),
                Frame("events", 0, 1, 1, "w", b"x"),
            ]
            for frame in frames:
                await lease.put(frame)
            other = copy.copy(lease)  # as another worker has it
            assert (await other.begun()).attempt == 2
            await other.put(Frame("begin", 0, 2, 0, "w2"))
            with pytest.raises(LeaseLostError):
                await lease.put(Frame("events", 0, 1, 2, "w", b"old"))
            await other.put(Frame("end", 0, 2, 1, "w2"))
            found = []
            async for frame in engine.frames():
                found.append(frame)
                if frame.kind == "end":
                    break
            await source.close()
            await engine.close(ended=True)
            return found

    found = asyncio.run(play())
    assert [(one.kind, one.attempt, one.seq) for one in found] == [
        ("begin", 1, 0),
        ("events", 1, 1),
        ("begin", 2, 0),
        ("end", 2, 1),
    ]


def test_the_store_of_the_server_has_nothing_in_clear(own_broker: Broker, key: Path, tmp_path: Path) -> None:
    """Of a run in the middle of which dispatcher and server are killed, so that nothing is cleaned up."""
    workflow = f"""
jobs:
  - name: private-name
    command: |
      T=run-time-
      printf %s ${{T}}4417 | runnerlib register-secret
      echo private-output $GIVEN ${{T}}4417
      echo v=private-value >> $RUNNERLIB_OUTPUT
  - {{name: second, needs: private-name, command: "touch {tmp_path}/go; sleep 4321"}}
"""
    env = {
        "REACTORCIDE_JOB_ENV": f"GIVEN=given-5588\nPATH={Path(sys.executable).parent}:/usr/bin:/bin",
        "REACTORCIDE_SECRET_ENV_NAMES": "GIVEN",
    }
    with working(own_broker, key, "w1") as worker:
        dispatcher = dispatching(tmp_path / "d", workflow, own_broker, key, **env)
        until((tmp_path / "go").exists)
        dispatcher.kill()
        own_broker.kill()
        for text in (
            "private-name",
            "private-output",
            "private-value",
            "given-5588",
            "run-time-4417",
            "register-secret",
        ):
            assert own_broker.stored(text.encode()) == [], text
        assert own_broker.stored(b"Runnerlib-Kind"), "it is the store that was searched"
        for said in (worker.said, dispatcher.said):
            assert "given-5588" not in said
            assert "run-time-4417" not in said


def link(space: str, state: str) -> None:
    subprocess.run(["ip", "-n", space, "link", "set", "eth0", state], check=True)


@contextmanager
def network() -> Iterator[tuple[str, list[str]]]:
    """A bridge with an address, and two namespaces on it; skips where this user cannot make them."""
    number = os.getpid() % 250
    bridge, spaces = f"rlb{number}", [f"rl{number}a", f"rl{number}b"]
    commands = [
        f"link add {bridge} type bridge",
        f"addr add 10.213.{number}.1/24 dev {bridge}",
        f"link set {bridge} up",
    ]
    for at, space in enumerate(spaces):
        commands += [
            f"netns add {space}",
            f"link add {space}o type veth peer name eth0 netns {space}",
            f"link set {space}o master {bridge} up",
            f"-n {space} addr add 10.213.{number}.{at + 2}/24 dev eth0",
            f"-n {space} link set eth0 up",
            f"-n {space} link set lo up",
        ]
    try:
        for command in commands:
            try:
                subprocess.run(["ip", *command.split()], check=True, capture_output=True)
            except (OSError, subprocess.CalledProcessError) as error:
                pytest.skip(f"no network namespaces can be made: ip {command}: {getattr(error, 'stderr', error)}")
        yield f"10.213.{number}.1", spaces
    finally:
        for space in spaces:
            subprocess.run(["ip", "netns", "del", space], check=False, capture_output=True)
        subprocess.run(["ip", "link", "del", bridge], check=False, capture_output=True)
