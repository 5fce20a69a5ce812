"""Jobs that wait for somebody's yes: by file, by command, on a terminal."""

from __future__ import annotations

import os
import re
import signal
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from runnerlib._util.cancellation import Stop
from runnerlib.events import Event, Warned
from runnerlib.pipeline.workflow import Approval, Workflow
from runnerlib.runner.workflow.approval import answer, place_of, questions
from tests.integration.cli import runnerlib
from tests.integration.terminal import on_terminal
from tests.runner.workflow.house import Recorder, ran


class Answering(Recorder):
    """Answers the question that a warning tells of."""

    def __init__(self, act: Callable[[str, str], object]) -> None:
        super().__init__()
        self._act = act

    def observe(self, event: Event) -> None:
        super().observe(event)
        if isinstance(event, Warned) and "waits for approval" in event.text:
            found = re.search("`runnerlib approve ([^ ]+) ([^`]+)`", event.text)
            assert found is not None, event.text
            self._act(*found.groups())


def asking(**keys: object) -> Workflow:
    made = Workflow("w")
    made.add_job("a", "true", approve=keys.pop("approve", "sure?"), **keys)  # type: ignore[arg-type]
    made.add_job("b", "true", depends_on="a")
    return made


def place() -> Path:
    return place_of(None, os.environ)


@pytest.mark.parametrize(("yes", "outcomes", "code"), [(True, "success", 0), (False, "cancelled", 1)])
def test_an_answer_by_file_decides(tmp_path: Path, yes: bool, outcomes: str, code: int) -> None:
    def act(run: str, job: str) -> None:
        (asked,) = [one for one in questions(place()) if one.run == run]
        assert (asked.job, asked.message) == ("a", "sure?")
        answer(place(), run, job, yes=yes)

    done = ran(asking(), tmp_path, recorder=Answering(act))
    assert (done.outcomes["a"], done.result.exit_code) == (outcomes, code)
    assert done.outcomes["b"] == ("success" if yes else "skipped")
    assert not list(questions(place()))


def test_what_waits_takes_no_room(tmp_path: Path) -> None:
    made = asking(for_each=[1, 2])
    runs: list[tuple[str, str]] = []
    made.add_job("c", f"until test -e {tmp_path}/go; do sleep 0.01; done")

    def act(run: str, job: str) -> None:
        runs.append((run, job))
        if len(runs) == 2:  # both wait, and the third job runs
            (tmp_path / "go").write_text("")
            for one in runs:
                answer(place(), *one, yes=True)

    done = ran(made, tmp_path / "w", recorder=Answering(act))
    assert set(done.outcomes.values()) == {"success"}


def test_nobody_answers_in_time(tmp_path: Path) -> None:
    done = ran(asking(approve=Approval("", 0.01)), tmp_path)
    assert (done.outcomes, done.result.exit_code) == ({"a": "failure", "b": "skipped"}, 124)
    assert done.result.job("a").reason == "nobody has approved it within 0.01 s"


def test_what_may_fail_must_be_approved(tmp_path: Path) -> None:
    done = ran(asking(approve=Approval("", 0.01), allow_failure=True), tmp_path)
    assert (done.outcomes, done.result.exit_code) == ({"a": "failure", "b": "skipped"}, 124)


def test_a_question_is_one_line(tmp_path: Path) -> None:
    listed: list[str] = []

    def act(run: str, job: str) -> None:
        listed.append(runnerlib("approve", cwd=tmp_path, XDG_STATE_HOME=os.environ["XDG_STATE_HOME"]).out.decode())
        answer(place(), run, job, yes=True)

    ran(asking(approve=Approval("x\n00000000 b (0 min): just lint")), tmp_path, recorder=Answering(act))
    assert [text.count("\n") for text in listed] == [1]
    assert "(0 min): x 00000000 b (0 min): just lint" in listed[0]


def test_a_signal_ends_the_waiting(tmp_path: Path) -> None:
    stop = Stop()
    done = ran(asking(), tmp_path, recorder=Answering(lambda _run, _job: stop.request(signal.SIGTERM)), stop=stop)
    assert (done.outcomes, done.result.exit_code) == ({"a": "cancelled", "b": "cancelled"}, 143)


def test_the_command_answers_and_lists(tmp_path: Path) -> None:
    listed: list[str] = []

    def act(run: str, job: str) -> None:
        def elsewhere() -> None:
            listed.append(runnerlib("approve", cwd=tmp_path).out.decode())
            listed.append(runnerlib("approve", run, "aa", cwd=tmp_path).err)
            listed.append(runnerlib("approve", "x", job, cwd=tmp_path).err)
            listed.append(f"{runnerlib('approve', run, job, cwd=tmp_path).code}")

        threading.Thread(target=elsewhere).start()
        listed.append(run)

    done = ran(asking(), tmp_path, recorder=Answering(act))
    assert done.result.success
    run, *told = listed
    assert told == [
        f"{run} a (0 min): sure?\n",
        f"error: run '{run}': unknown job 'aa'; did you mean 'a'?\n",
        f"error: unknown run 'x' ({run})\n",
        "0",
    ]
    assert runnerlib("approve", "x", "a", cwd=tmp_path).err == "error: no job waits for approval\n"
    assert runnerlib("approve", "x", cwd=tmp_path).code == 2


@pytest.mark.parametrize(("typed", "code"), [("what\ny\n", 0), ("n\n", 1)])
def test_on_a_terminal_it_is_asked_there(tmp_path: Path, typed: str, code: int) -> None:
    (tmp_path / "w.yaml").write_text("jobs: [{name: a, command: echo done, approve: sure?}]")
    with on_terminal("run", "--workflow-file", "w.yaml", cwd=tmp_path) as terminal:
        for line in typed.splitlines():
            terminal.until("(y or n")
            terminal.types(f"{line}\r")
        assert terminal.ends() == code


def test_questions_of_killed_runners_are_removed(tmp_path: Path) -> None:
    asked = tmp_path / "run" / "a.json"
    asked.parent.mkdir()
    asked.write_text('{"run": "run", "job": "a", "message": "", "since": 0}')
    assert not list(questions(tmp_path))
    assert not asked.parent.exists()
