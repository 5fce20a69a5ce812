"""The triggers file: nothing lost, nothing doubled, whoever writes it and whenever one of them is killed."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from runnerlib._util.locked_file import FileError, locked, replace
from runnerlib.triggers.job_trigger import JobTrigger, TriggerError
from runnerlib.triggers.message import EVALUATED, Message, message
from runnerlib.triggers.outbox import DeliveryError, Outbox


def jobs(*names: str) -> Message:
    return message([JobTrigger(name).to_dict() for name in names])


def names(outbox: Outbox) -> list[list[str]]:
    return [list(one.job_names) for one in outbox.messages()]


@pytest.fixture
def outbox(tmp_path: Path) -> Outbox:
    return Outbox(tmp_path / "triggers.json")


class Sink:
    """Takes what it is not told to refuse; a coordinator that knows operation ids."""

    def __init__(self, *faults: str) -> None:
        self.faults = list(faults)
        self.got: list[Message] = []
        self.created: dict[str, Message] = {}

    def __call__(self, one: Message) -> None:
        self.got.append(one)
        fault = self.faults.pop(0) if self.faults else ""
        if fault not in {"refuse", "lost"}:
            assert self.created.setdefault(one.operation_id, one) == one, "one operation id, two messages"
        if fault:
            raise DeliveryError(fault, refused=fault == "refuse")

    @property
    def names(self) -> list[str]:
        return [name for one in self.created.values() for name in one.job_names]


def test_it_is_the_file_of_the_contract(outbox: Outbox) -> None:
    assert outbox.add(jobs("a")) == (outbox.path, 1)
    written = json.loads(outbox.path.read_bytes())
    assert list(written) == ["type", "operation_id", "trigger_type", "jobs"]
    outbox.add(jobs("b"))
    again = json.loads(outbox.path.read_bytes())
    assert [job["job_name"] for job in again["jobs"]] == ["a", "b"]
    assert again["operation_id"] == written["operation_id"]


def test_flushing_twice_doubles_nothing(outbox: Outbox) -> None:
    outbox.add(jobs("a", "b"))
    assert outbox.add(jobs("a", "b", "c")).new == 1
    assert outbox.add(jobs("a", "b", "c")).new == 0
    assert names(outbox) == [["a", "b", "c"]]


def test_what_is_taken_is_gone(outbox: Outbox) -> None:
    outbox.add(jobs("a"))
    sink = Sink()
    assert [one.job_names for one in outbox.send({"api": sink})] == [("a",)]
    assert sorted(path.name for path in outbox.path.parent.iterdir()) == [
        "triggers.json.lock",
        "triggers.json.sending.lock",
    ]
    assert outbox.send({"api": sink}) == []
    outbox.add(jobs("a"))  # the same job again, in another run
    outbox.send({"api": sink})
    assert sink.names == ["a", "a"]


def test_a_message_in_doubt_is_sent_again_as_it_was(outbox: Outbox) -> None:
    sink = Sink("cut after it was created", "lost")
    outbox.add(jobs("a"))
    for _ in range(2):
        with pytest.raises(DeliveryError):
            outbox.send({"api": sink})
    outbox.add(jobs("a", "b"))
    outbox.add(jobs("c"))
    assert names(outbox) == [["a"], ["b", "c"]]
    outbox.send({"api": sink})
    assert [one.job_names for one in sink.got] == [("a",), ("a",), ("a",), ("b", "c")]
    assert sink.names == ["a", "b", "c"]


def test_a_refused_message_may_still_grow(outbox: Outbox) -> None:
    sink = Sink("refuse")
    outbox.add(jobs("a"))
    with pytest.raises(DeliveryError, match="refuse"):
        outbox.send({"api": sink})
    outbox.add(jobs("b"))
    outbox.send({"api": sink})
    assert [one.job_names for one in sink.got] == [("a",), ("a", "b")]


def test_a_refusal_does_not_end_the_doubt(outbox: Outbox) -> None:
    sink = Sink("lost", "refuse")
    outbox.add(jobs("a"))
    for _ in range(2):
        with pytest.raises(DeliveryError):
            outbox.send({"api": sink})
    outbox.add(jobs("b"))
    assert names(outbox) == [["a"], ["b"]]


def test_who_has_taken_it_is_not_asked_again(outbox: Outbox) -> None:
    ready, late = Sink(), Sink("lost")
    outbox.add(jobs("a"))
    with pytest.raises(DeliveryError):
        outbox.send({"stdout": ready, "api": late})
    outbox.send({"stdout": ready, "api": late})
    assert (len(ready.got), len(late.got)) == (1, 2)


def test_other_forms_wait_in_messages_of_their_own(outbox: Outbox) -> None:
    outbox.add(jobs("a"))
    outbox.add(message([{"id": "ci", "jobs": [{"job_name": "b"}]}], "workflows", EVALUATED))
    outbox.add(jobs("c"))
    assert names(outbox) == [["a"], ["b"], ["c"]]


def test_a_file_without_operation_id_keeps_the_one_it_gets(outbox: Outbox) -> None:
    outbox.path.write_text('{"type":"trigger_job","jobs":[{"job_name":"a"}]}')
    sink = Sink("lost")
    with pytest.raises(DeliveryError):
        outbox.send({"api": sink})
    outbox.send({"api": sink})
    assert len({one.operation_id for one in sink.got}) == 1


def test_a_gap_that_a_kill_has_left_is_closed(outbox: Outbox) -> None:
    for number in (3, 7, 12):
        path = outbox.path.with_name(f"triggers.json.{number}")
        path.write_text(jobs(f"job-{number}").encode())
    (outbox.path.parent / "triggers.json.sent").write_text('{"operation_id": "of a message that is gone"}')
    (outbox.path.parent / "triggers.json.bak").write_text("not ours")
    outbox.add(jobs("new"))
    assert names(outbox) == [["job-3"], ["job-7"], ["job-12", "new"]]
    assert outbox.path.exists()


@pytest.mark.parametrize("seal", ["", "{", "[]", '{"taken": 1}'])
def test_an_illegible_seal_counts_as_one(outbox: Outbox, seal: str) -> None:
    outbox.add(jobs("a"))
    (outbox.path.parent / "triggers.json.sent").write_text(seal)
    outbox.add(jobs("b"))
    assert names(outbox) == [["a"], ["b"]]
    sink = Sink()
    outbox.send({"api": sink})
    assert sink.names == ["a", "b"]


def test_a_broken_file_is_told_and_kept(outbox: Outbox) -> None:
    outbox.path.write_text("{")
    with pytest.raises(TriggerError, match=r"triggers.json: not valid JSON"):
        outbox.add(jobs("a"))
    assert outbox.path.read_text() == "{"


def test_jobs_of_two_flushes_that_wait_for_each_other(outbox: Outbox) -> None:
    outbox.add(message([{"job_name": "a", "depends_on": ["b"]}]))
    with pytest.raises(TriggerError, match="wait for each other"):
        outbox.add(message([{"job_name": "b", "depends_on": ["a"]}]))
    assert names(outbox) == [["a"]]


@pytest.mark.parametrize("name", ["triggers.json", "triggers.json.lock"])
def test_links_are_not_followed(outbox: Outbox, name: str, tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    text = jobs("victim").encode()
    victim.write_text(text)
    (tmp_path / name).symlink_to(victim)
    with pytest.raises(FileError, match="it is a symbolic link"):
        outbox.add(jobs("a"))
    assert (
        victim.read_text()
        == jobs("victim")._replace(operation_id=json.loads(victim.read_text())["operation_id"]).encode()
    )


def test_a_pipe_does_not_stop_it(outbox: Outbox) -> None:
    os.mkfifo(outbox.path)
    with pytest.raises(FileError, match="it is no regular file"):
        outbox.add(jobs("a"))


def test_a_link_in_the_place_of_the_new_file_is_replaced(outbox: Outbox, tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("safe")
    (tmp_path / "triggers.json.new").symlink_to(victim)
    outbox.add(jobs("a"))
    assert victim.read_text() == "safe"
    assert not outbox.path.is_symlink()


def test_what_may_hold_secrets_is_private(outbox: Outbox) -> None:
    outbox.add(jobs("a"))
    assert outbox.path.stat().st_mode & 0o777 == 0o600
    outbox.path.chmod(0o400)
    outbox.add(jobs("b"))
    assert outbox.path.stat().st_mode & 0o077 == 0


def test_a_sink_that_takes_its_time_does_not_hold_the_file(outbox: Outbox) -> None:
    outbox.add(jobs("a"))
    impatient = Outbox(outbox.path, patience=0.05)
    sent = []

    def slow(message: Message) -> None:
        sent.append(message.job_names)
        if len(sent) == 1:
            impatient.add(jobs("b"))

    outbox.send({"api": slow})
    assert [list(one) for one in sent] == [["a"], ["b"]]
    assert names(outbox) == []


def test_patience_with_a_lock_ends(outbox: Outbox) -> None:
    with (
        locked(outbox.path),
        pytest.raises(FileError, match=r"another process has held .*triggers.json.lock' for 0.05 s"),
    ):
        Outbox(outbox.path, patience=0.05).add(jobs("a"))


def test_a_directory_that_cannot_be(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(FileError, match="cannot make the directory"):
        Outbox(tmp_path / "file" / "triggers.json").add(jobs("a"))


def test_threads_lose_and_double_nothing(outbox: Outbox) -> None:
    threads = [
        threading.Thread(target=lambda k=k: [outbox.add(jobs("common", f"job-{k}-{n}")) for n in range(10)])
        for k in range(6)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    [found] = names(outbox)
    assert sorted(found) == sorted({"common", *(f"job-{k}-{n}" for k in range(6) for n in range(10))})


WRITER = """
import sys
from pathlib import Path
from runnerlib.triggers.job_trigger import JobTrigger
from runnerlib.triggers.message import message
from runnerlib.triggers.outbox import Outbox
outbox, prefix, done = Outbox(Path(sys.argv[1])), sys.argv[2], Path(sys.argv[3]).open("a")
for number in range(int(sys.argv[4])):
    outbox.add(message([JobTrigger(name).to_dict() for name in ("common", f"{prefix}-{number}")]))
    print(f"{prefix}-{number}", file=done, flush=True)
"""
SENDER = """
import sys
from pathlib import Path
from runnerlib.triggers.outbox import Outbox
outbox, log = Outbox(Path(sys.argv[1])), open(sys.argv[2], "ab", 0)
def post(message):
    log.write(message.encode().encode() + b"\\n")
while True:
    outbox.send({"api": post})
    if Path(sys.argv[3]).exists() and not outbox.messages():
        break
"""


def start(code: str, *args: Any) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-c", code, *map(str, args)])


def test_processes_that_are_killed_lose_and_double_nothing(outbox: Outbox, tmp_path: Path) -> None:
    """Writers and senders race on one file; most of them are killed in the middle of whatever they do."""
    chance = random.Random(7)
    log, ended, acknowledged = tmp_path / "log", tmp_path / "ended", tmp_path / "acknowledged"
    acknowledged.touch()
    sender, killed = start(SENDER, outbox.path, log, ended), 0
    for number in range(6):
        writer = start(WRITER, outbox.path, f"w{number}", acknowledged, 400)
        seen = len(acknowledged.read_bytes().split())
        while len(acknowledged.read_bytes().split()) < seen + chance.randrange(1, 40):
            assert writer.poll() is None
        for process in [writer, sender] if number % 2 else [writer]:
            process.send_signal(signal.SIGKILL)
            process.wait()
            killed += 1
        if number % 2:
            sender = start(SENDER, outbox.path, log, ended)
    ended.touch()
    assert sender.wait(timeout=30) == 0
    created: dict[str, bytes] = {}
    for line in log.read_bytes().splitlines():
        operation = json.loads(line)["operation_id"]
        assert created.setdefault(operation, line) == line, "an operation id was used for another message"
    got = [job["job_name"] for line in created.values() for job in json.loads(line)["jobs"]]
    own = [name for name in got if name != "common"]
    assert len(own) == len(set(own)), "a trigger was doubled"
    assert set(acknowledged.read_text().split()) <= set(own), "a trigger was lost"
    assert killed == 9


class Strict(Sink):
    """Refuses what has one of the jobs `bad` in it, for that reason."""

    def __init__(self, *bad: str, faults: tuple[str, ...] = ()) -> None:
        super().__init__(*faults)
        self.bad = set(bad)

    def __call__(self, one: Message) -> None:
        if self.bad.intersection(one.job_names):
            self.got.append(one)
            raise DeliveryError("400", content=True)
        super().__call__(one)


def waiting(*jobs: tuple[str, str]) -> Message:
    return message([JobTrigger(name, depends_on=other or None).to_dict() for name, other in jobs])


class TestRefused:
    def test_the_others_go_and_it_stays(self, outbox: Outbox) -> None:
        outbox.add(jobs("a", "bad", "c"))
        sink = Strict("bad")
        with pytest.raises(DeliveryError, match=r"^'bad' is refused: 400$") as caught:
            outbox.send({"api": sink})
        assert sink.names == ["a", "c"]
        assert names(outbox) == [["bad"]]
        assert [one.job_names for one in caught.value.sent] == [("a", "c")]
        outbox.add(jobs("d"))
        sink.bad.clear()
        outbox.send({"api": sink})
        assert sink.names == ["a", "c", "bad", "d"]
        assert names(outbox) == []

    def test_nothing_that_goes_leaves_all_as_it_was(self, outbox: Outbox) -> None:
        outbox.add(jobs("a", "b"))
        before = outbox.path.read_bytes()
        with pytest.raises(DeliveryError, match=r"^'a', 'b' are refused: 400$"):
            outbox.send({"api": Strict("a", "b")})
        assert outbox.path.read_bytes() == before

    def test_it_keeps_no_other_message_back(self, outbox: Outbox) -> None:
        outbox.add(jobs("bad"))
        outbox.add(message([{"id": "ci", "jobs": [{"job_name": "b"}]}], "workflows", EVALUATED))
        outbox.add(jobs("c", "worse"))
        sink = Strict("bad", "worse")
        with pytest.raises(DeliveryError) as caught:
            outbox.send({"api": sink})
        assert str(caught.value) == "'bad', 'worse' are refused: 400"
        assert sink.names == ["b", "c"]
        assert names(outbox) == [["bad"], ["worse"]]

    def test_other_channels_get_what_was_taken(self, outbox: Outbox) -> None:
        outbox.add(jobs("a", "bad"))
        strict, other = Strict("bad"), Sink()
        with pytest.raises(DeliveryError):
            outbox.send({"api": strict, "stdout": other})
        assert (strict.names, other.names) == (["a"], ["a"])

    def test_who_has_taken_all_of_it_is_not_told_less(self, outbox: Outbox) -> None:
        outbox.add(jobs("a", "bad"))
        first, strict = Sink(), Strict("bad")
        with pytest.raises(DeliveryError, match=r"^400$"):
            outbox.send({"stdout": first, "api": strict})
        assert names(outbox) == [["a", "bad"]]
        assert strict.names == []

    @pytest.mark.parametrize("fault", ["lost", "created, and nobody heard of it"])
    @pytest.mark.parametrize("position", [0, 1, 2, 3])
    @pytest.mark.parametrize("bad", ["job-00", "job-63", "job-99"])
    def test_a_failure_in_between_doubles_nothing(self, bad: str, position: int, fault: str, outbox: Outbox) -> None:
        """Whichever of the parts fails: the next time the same parts are offered, under the same ids."""
        all_jobs = [f"job-{number:02}" for number in range(100)]
        sink = Strict(bad, faults=(*[""] * position, fault))
        outbox.add(jobs(*all_jobs))
        with pytest.raises(DeliveryError):
            outbox.send({"api": sink})
        outbox.add(jobs(*all_jobs))
        with pytest.raises(DeliveryError, match=f"^'{bad}' is refused: 400$"):
            outbox.send({"api": sink})
        assert sorted(sink.names) == [name for name in all_jobs if name != bad]
        assert names(outbox) == [[bad]]
        sink.bad.clear()
        outbox.send({"api": sink})
        assert sorted(sink.names) == all_jobs

    def test_after_a_doubtful_attempt_nothing_is_divided(self, outbox: Outbox) -> None:
        sink = Strict(faults=("created, and nobody heard of it",))
        outbox.add(jobs("a", "b"))
        with pytest.raises(DeliveryError):
            outbox.send({"api": sink})
        sink.bad = {"b"}
        with pytest.raises(DeliveryError, match=r"^400$"):
            outbox.send({"api": sink})
        sink.bad.clear()
        outbox.send({"api": sink})
        assert sink.names == ["a", "b"]


class TestWhatWaitsForEver:
    def test_it_is_not_sent_and_the_others_are(self, outbox: Outbox) -> None:
        outbox.add(waiting(("a", ""), ("b", "nowhere"), ("c", "b")))
        sink = Sink()
        with pytest.raises(DeliveryError) as caught:
            outbox.send({"api": sink})
        assert str(caught.value).splitlines() == [
            "'b' is refused: it would wait for ever: 'nowhere' is not sent with it",
            "'c' is refused: it would wait for ever: 'b' is not sent with it",
        ]
        assert [one.job_names for one in sink.got] == [("a",)]
        assert names(outbox) == [["b", "c"]]
        outbox.add(jobs("nowhere"))
        outbox.send({"api": sink})
        assert [one.job_names for one in sink.got] == [("a",), ("b", "c", "nowhere")]

    def test_alone_it_asks_nobody(self, outbox: Outbox) -> None:
        outbox.add(waiting(("deploy", "nowhere")))
        sink = Sink()
        for _ in range(2):
            with pytest.raises(
                DeliveryError, match=r"^'deploy' is refused: it would wait for ever: 'nowhere' is not sent"
            ):
                outbox.send({"api": sink})
        assert not sink.got
        assert names(outbox) == [["deploy"]]

    def test_what_another_message_has_is_a_warning(self, outbox: Outbox) -> None:
        outbox.add(jobs("test"))
        sink = Sink("lost")
        with pytest.raises(DeliveryError):
            outbox.send({"api": sink})
        outbox.add(waiting(("deploy", "test")))
        warnings: list[str] = []
        outbox.send({"api": sink}, warnings.append)
        assert sink.names == ["test", "deploy"]
        assert warnings == ["'deploy' waits: it would wait for ever: 'test' is not sent with it"]

    def test_a_kill_while_it_is_put_aside_doubles_nothing(
        self, outbox: Outbox, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        outbox.add(waiting(("a", ""), ("b", "nowhere")))
        written: list[Path] = []

        def killed(path: Path, data: bytes) -> None:
            if len(written) == 1:
                raise KeyboardInterrupt
            written.append(path)
            replace(path, data)

        monkeypatch.setattr("runnerlib.triggers.outbox.replace", killed)
        with pytest.raises(KeyboardInterrupt):
            outbox.send({"api": Sink()})
        monkeypatch.undo()
        sink = Sink()
        with pytest.raises(DeliveryError):
            outbox.send({"api": sink})
        assert sink.names == ["a"]
        assert names(outbox) == [["b"]]
