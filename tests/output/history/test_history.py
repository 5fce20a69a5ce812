"""The history: what is kept, that it is bounded and survives anything in its file, and what follows from it."""

from __future__ import annotations

import os
import random
import sqlite3
import threading
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runnerlib.events import JobFinished, JobStarted, StepFinished, WorkflowFinished, WorkflowJobFinished
from runnerlib.events.result import Usage, WorkflowResult
from runnerlib.output.history import file as history
from runnerlib.output.history.estimate import EarlierRuns, Estimates, Slow
from runnerlib.output.history.file import Entry, HistoryError, Run, add, load
from runnerlib.output.history.flaky import flaky
from runnerlib.output.history.outlook import Outlook
from runnerlib.output.history.recorder import HistoryRecorder
from tests.looped import assert_each
from tests.output.show import EPOCH, job, result


def step(name: str, seconds: float = 1.0, outcome: str = "success", attempts: int = 1) -> Entry:
    return Entry("step", name, outcome, attempts=attempts, started=EPOCH, seconds=seconds)


def run(*entries: Entry, name: str = "ci", code: int = 0, took: float = 10.0, revision: str = "") -> Run:
    return Run(name, EPOCH, EPOCH + took, code, revision, entries)


class TestFile:
    def test_what_is_added_is_there(self, tmp_path: Path) -> None:
        path = tmp_path / "history.db"
        assert load(path) == []
        one = run(Entry("step", "a", "failure", "exit", 3, 2, EPOCH, 1.5, 0.25, 1 << 20), revision="f" * 40, code=3)
        two = run(step("b"), step("a"), name="other")
        for each in (one, two, one):
            add(path, each)
        assert load(path) == [one, two, one]
        assert load(path, "other") == [two]
        assert path.stat().st_mode & 0o777 == 0o600
        assert sorted(os.listdir(tmp_path)) == ["history.db", "history.db.lock"]

    def test_names_are_of_any_kind_and_bounded(self, tmp_path: Path) -> None:
        path = tmp_path / "history.db"
        names = ["x" * 1_000_000, "x" * 1_000_001, "'); DROP TABLE runs; --", "a\0b", "\x1b[2J", "\udcff", ""]
        add(path, run(*map(step, names), name="n" * 1_000_000))
        assert path.stat().st_size < 64 << 10
        (found,) = load(path, "n" * 1_000_000)
        assert len({one.name for one in found.entries}) == len(names)
        assert max(len(one.name) for one in found.entries) == 200

    def test_it_is_bounded(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        path = tmp_path / "history.db"
        monkeypatch.setattr(history, "MOST_RUNS", 5)
        monkeypatch.setattr(history, "MOST_ENTRIES", 40)
        for number in range(12):
            add(path, run(*(step(f"{number}-{one}") for one in range(4)), took=number))
        assert [one.ended - one.started for one in load(path)] == [7, 8, 9, 10, 11]
        add(path, run(*(step(f"many-{one}") for one in range(38))))
        assert [len(one.entries) for one in load(path)] == [38]
        add(path, run(*(step(f"more-{one}") for one in range(90))))
        assert [len(one.entries) for one in load(path)] == [40]
        with sqlite3.connect(path) as database:
            assert database.execute("SELECT COUNT(*) FROM names").fetchone() == (40,)
        database.close()

    def test_runs_at_the_same_time_are_all_kept(self, tmp_path: Path) -> None:
        path = tmp_path / "history.db"
        threads = [threading.Thread(target=lambda n=n: add(path, run(step(f"s{n}")))) for n in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert {one.entries[0].name for one in load(path)} == {f"s{n}" for n in range(8)}

    def test_anything_else_in_its_place_is_told_and_left_alone(self, tmp_path: Path) -> None:
        def other(path: Path, statement: str) -> None:
            with sqlite3.connect(path) as database:
                database.executescript(statement)
            database.close()

        def check(_name: str, make: object) -> None:
            path = tmp_path / "place" / "history.db"
            path.parent.mkdir()
            make(path)  # type: ignore[operator]
            before = path.read_bytes() if path.is_file() else None
            with pytest.raises(HistoryError):
                add(path, run(step("a")))
            if not path.is_fifo() and not path.is_dir():
                assert path.read_bytes() == before
            for inside in path.parent.iterdir():
                inside.rmdir() if inside.is_dir() else inside.unlink()
            path.parent.rmdir()

        (tmp_path / "precious").write_bytes(b"SQLite format 3\0")
        endless = "CREATE VIEW runs AS WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x FROM c) SELECT * FROM c"
        trigger = ";".join((*history._SCHEMA, "CREATE TRIGGER t AFTER INSERT ON runs BEGIN DELETE FROM names; END"))
        cases = {
            "text": lambda path: path.write_text("no database"),
            "a directory": lambda path: path.mkdir(),
            "a pipe": os.mkfifo,
            "a link": lambda path: path.symlink_to(tmp_path / "precious"),
            "another database": lambda path: other(path, "CREATE TABLE cookies (value TEXT)"),
            "an endless view": lambda path: other(path, endless),
            "a trigger": lambda path: other(path, trigger + "; PRAGMA user_version = 1"),
            "a later version": lambda path: other(path, ";".join(history._SCHEMA) + "; PRAGMA user_version = 2"),
        }
        assert_each(check, cases.items())

    def test_bytes_that_are_damaged_never_do_more_than_raise(self, tmp_path: Path) -> None:
        path = tmp_path / "history.db"
        for number in range(20):
            add(path, run(*(step(f"s{one}") for one in range(number))))
        whole, chance = path.read_bytes(), random.Random(7)
        for _ in range(200):
            damaged = bytearray(whole)
            for _ in range(chance.randint(1, 20)):
                damaged[chance.randrange(len(damaged))] = chance.randrange(256)
            path.write_bytes(damaged[: chance.choice([len(damaged), chance.randrange(len(damaged))])])
            for use in (lambda: load(path), lambda: add(path, run(step("a")))):
                try:
                    use()
                except HistoryError as error:
                    assert "\n" not in str(error)

    def test_figures_that_make_no_sense_are_bounded(self, tmp_path: Path) -> None:
        path = tmp_path / "history.db"
        add(path, run(step("a")))
        with sqlite3.connect(path) as database:
            database.execute("UPDATE entries SET seconds = 9e999, started = -5")
        database.close()
        (found,) = load(path)
        assert found.entries[0].seconds == 1e11
        assert found.entries[0].started == 0
        with sqlite3.connect(path) as database:
            database.execute("UPDATE entries SET seconds = 'soon'")
        database.close()
        assert load(path)[0].entries[0].seconds == 0
        with sqlite3.connect(path) as database:
            database.execute("UPDATE names SET name = CAST(x'ff' AS TEXT)")
        database.close()
        with pytest.raises(HistoryError, match="no history of runs that can be used: Could not decode"):
            load(path)


class TestRecorder:
    def test_a_job(self, tmp_path: Path) -> None:
        said: list[str] = []
        recorder = HistoryRecorder(tmp_path / "h", said.append, lambda: "abc", workflow=False)
        ran = result("test", "failure", 2, "exit code 2: s3cret", usage=Usage(1.0, 0.5, 7 << 20), attempts=2)
        taken = result("build", cause="restored")
        for event in (JobStarted("ci", {}), StepFinished(taken), StepFinished(ran), JobFinished(job(taken, ran))):
            recorder.observe(event)
        (found,) = load(tmp_path / "h")
        assert found == Run("ci", found.started, found.ended, 2, "abc", found.entries)
        assert found.entries == (Entry("step", "test", "failure", "", 2, 2, EPOCH, 1.0, 1.5, 7 << 20),)
        assert b"s3cret" not in (tmp_path / "h").read_bytes()
        assert said == []

    def test_a_workflow_is_one_run(self, tmp_path: Path) -> None:
        recorder = HistoryRecorder(tmp_path / "h", print, str, workflow=True)
        inner = result("unit/test")
        recorder.observe(StepFinished(inner))
        recorder.observe(WorkflowJobFinished(result("unit")))
        recorder.observe(JobFinished(job(inner, name="w")))
        recorder.observe(WorkflowFinished(WorkflowResult("w", 0, "", (), EPOCH, EPOCH + 1)))
        (found,) = load(tmp_path / "h")
        assert [(one.kind, one.name) for one in found.entries] == [("step", "unit/test"), ("job", "unit")]

    def test_a_failure_is_told(self, tmp_path: Path) -> None:
        said: list[str] = []
        (tmp_path / "h").mkdir()
        recorder = HistoryRecorder(tmp_path / "h", said.append, str, workflow=False)
        recorder.observe(JobFinished(job()))
        assert said == [f"this run is not in the history: cannot open '{tmp_path}/h': it is no regular file"]


class TestEstimates:
    def test_usual_times(self, tmp_path: Path) -> None:
        runs = [run(step("a", seconds), step("b", 9, "failure"), took=seconds) for seconds in (1.0, 2.0, 30.0)]
        found = Estimates(runs)
        assert (found.usual("a"), found.usual("b"), found.usual("c"), found.total) == (2.0, 0.0, None, 2.0)
        assert Estimates(runs[:2]).total is None
        assert EarlierRuns(tmp_path / "none", 2).of("ci") is None

    def test_slow_is_by_half_and_a_second(self) -> None:
        found = Estimates([run(step("long", 100), step("short", 0.1)) for _ in range(3)] + [run(step("new"))])
        taken = [("long", 149.0), ("short", 1.0), ("new", 99.0), ("unknown", 99.0)]
        assert found.slow([result(name, took=seconds) for name, seconds in taken]) == []
        slow = found.slow([result("short", took=1.25), result("long", took=151), result("long", took=500, attempts=0)])
        assert [one.name for one in slow] == ["long", "short"]
        assert slow[0] == Slow("long", 151.0, 100)

    def test_what_is_left(self) -> None:
        graph = {"build": (), "lint": (), "test": ("build",), "ship": ("test", "lint")}
        times = {"build": 10.0, "lint": 4.0, "test": 20.0, "ship": 5.0}
        found = Estimates([run(*(step(name, seconds) for name, seconds in times.items()))], 4)
        assert found.left(graph, set(), {}) == (35.0, ("build", "test", "ship"))
        assert found.left(graph, {"build"}, {"test": 19.0, "lint": 0.0}) == (9.0, ("lint", "ship"))
        assert found.left(graph, {"build", "lint"}, {"test": 50.0}) == (5.0, ("test", "ship"))
        assert found.left(graph, set(times), {}) == (0.0, ())
        assert found.left({**graph, "new": ()}, set(), {}) is None
        assert Estimates([run(*(step(name, seconds) for name, seconds in times.items()))], 1).left(
            graph, {"build"}, {}
        ) == (29.0, ("test", "ship"))

    @given(st.data())
    @settings(max_examples=50, deadline=None)
    def test_the_critical_path_against_all_paths(self, data: st.DataObject) -> None:
        count = data.draw(st.integers(1, 7))
        graph = {
            str(n): tuple(map(str, data.draw(st.sets(st.integers(0, n - 1), max_size=3)) if n else ()))
            for n in range(count)
        }
        times = {name: data.draw(st.integers(0, 9)) for name in graph}
        found = Estimates([run(*(step(name, seconds) for name, seconds in times.items()))], 99).left(graph, set(), {})

        def longest(name: str) -> float:
            return times[name] + max(map(longest, graph[name]), default=0)

        assert found is not None
        assert found.seconds == max(map(longest, graph))
        assert sum(times[name] for name in found.path) == found.seconds

    def test_an_outlook_runs_down_between_two_looks(self) -> None:
        outlook = Outlook(Estimates([run(step("a", 10))]), {"a": ()})
        assert outlook.left({"a": 0.0}, 0.0) == (10.0, ("a",))
        assert outlook.left({"a": 0.5}, 0.5) == (9.5, ("a",))
        outlook.done.add("a")
        assert outlook.left({}, 0.75) == (0.0, ())


class TestFlaky:
    def test_retries_and_commits(self) -> None:
        runs = [
            run(step("retried", attempts=2), step("fails", outcome="failure"), step("steady"), revision="a"),
            run(step("retried"), step("both", outcome="failure"), step("steady"), revision="a"),
            run(step("both"), step("steady"), revision="a"),
            run(step("mended", outcome="failure"), revision="b"),
            run(step("mended"), revision="c"),
            run(step("edited", outcome="failure")),
            run(step("edited")),
        ]
        found = {one.name: (one.runs, one.retried, one.revisions, one.rate) for one in flaky(runs)}
        assert found == {"both": (2, 0, 1, 0.5), "retried": (2, 1, 0, 0.5)}
