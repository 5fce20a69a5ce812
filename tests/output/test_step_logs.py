"""Step logs: all bytes, in files that no step can choose, never one that looks whole and is not."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from runnerlib.errors import OutputError
from runnerlib.events import (
    Event,
    JobFinished,
    JobStarted,
    Notice,
    StepFinished,
    StepOutput,
    StepRetrying,
    StepStarted,
)
from runnerlib.output.log import step_logs
from runnerlib.output.log.file_names import LogNames
from runnerlib.output.log.step_logs import StepLogs
from tests.output.show import cut, cuts, job, one_step, outputs, result

names = st.one_of(
    st.text(min_size=1, max_size=120), st.sampled_from([".", "..", "../x", "/", "a/b", "-rf", "a b", "a_b"])
)


def named(*steps: str) -> list[str]:
    """The names of the logs of the steps of a job."""
    logs = LogNames()
    logs.begin(steps)
    return [logs.name(step) for step in steps]


TAKEN = named("a_b", "a b")[1].removesuffix(".log")


@given(st.lists(names, unique=True, max_size=20))
@example(["a b", "a_b", "a_b-0123456789", TAKEN, "a\tb"])
@example(["é", "e\u0301", "É"])
@example(["日" * 120, "日" * 121])
@example(["a[1]/b", "a+1+b", "a/1/b"])
def test_names_of_files_are_safe_and_unique(steps: list[str]) -> None:
    made = named(*steps)
    assert len(set(made)) == len(steps)
    for name in made:
        assert "/" not in name
        assert name[0] not in ".-"
        assert name.isprintable()
        assert len((name + ".part").encode()) <= 255


def test_a_usual_name_stays_as_it_is() -> None:
    assert named("build", "unit-tests_3.11") == ["build.log", "unit-tests_3.11.log"]
    assert LogNames().path("build") == "artifacts/logs/build.log"
    assert LogNames("job/out").path("日本") == "job/out/logs/日本.log"


def test_letters_of_every_language_stay() -> None:
    steps = ["構築", "тесты", "número 1", "परीक्षण", "e\u0301te\u0301", "🚀 deploy", "test[3]/lint all"]
    assert named(*steps) == [
        "構築.log",
        "тесты.log",
        "número_1.log",
        "परीक्षण.log",
        "été.log",
        "__deploy.log",
        "test+3+lint_all.log",
    ]


def test_a_digest_keeps_apart_only_what_would_be_the_same() -> None:
    one, other, third = named("unit tests", "unit:tests", "lint all")
    assert (one, third) == ("unit_tests.log", "lint_all.log")
    assert re.fullmatch(r"unit_tests-[0-9a-f]{10}\.log", other)
    assert named("unit_tests", "unit tests")[0] == "unit_tests.log"


def test_the_logs_of_a_run_have_the_names_that_its_summary_tells(tmp_path: Path) -> None:
    names = LogNames()
    events: list[Event] = [JobStarted("ci", {"a b": (), "a:b": ()})]
    for step in ("a b", "a:b"):
        events += one_step([step.encode()], step)[1:4]
    observe(StepLogs(tmp_path, names), *events, JobFinished(job(result("a b"), result("a:b"))))
    found = {step: (tmp_path / "logs" / names.name(step)).read_text() for step in ("a b", "a:b")}
    assert found == {"a b": "a b", "a:b": "a:b"}


@pytest.fixture
def logs(tmp_path: Path) -> Iterator[StepLogs]:
    made = StepLogs(tmp_path / "artifacts")
    yield made
    made.close()


def observe(logs: StepLogs, *events: Event) -> None:
    for event in events:
        logs.observe(event)


@given(outputs, cuts)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_log_is_the_output(tmp_path: Path, data: bytes, places: list[int]) -> None:
    observe(StepLogs(tmp_path), *one_step(cut(data, places)))
    assert [path.name for path in (tmp_path / "logs").iterdir()] == (["build.log"] if data else [])
    assert not data or (tmp_path / "logs" / "build.log").read_bytes() == data


def test_attempts_are_separated_by_a_line(logs: StepLogs, tmp_path: Path) -> None:
    observe(
        logs,
        Notice("cloning"),
        JobStarted("ci", {"a": ()}),
        StepStarted("a", "make"),
        StepOutput("a", b"no line break"),
        StepRetrying("a", 1, "exit code 1", 2),
        StepStarted("a", "make", 2),
        StepRetrying("a", 2, "exit code 1", 4),
        StepStarted("a", "make", 3),
        StepOutput("a", b"done\n"),
    )
    directory = tmp_path / "artifacts" / "logs"
    assert os.listdir(directory) == ["a.log.part"]
    observe(logs, StepFinished(result("a")), JobFinished(job(result("a"))))
    assert (directory / "a.log").read_text() == (
        "no line break\nrunnerlib: attempt 1 failed: exit code 1; the next one follows in 2.0 s\n"
        "runnerlib: attempt 2 failed: exit code 1; the next one follows in 4.0 s\ndone\n"
    )
    assert stat.S_IMODE((directory / "a.log").stat().st_mode) & 0o133 == 0


def test_a_step_that_never_ran_has_no_log(logs: StepLogs, tmp_path: Path) -> None:
    observe(logs, JobStarted("ci", {"a": ()}), StepFinished(result("a", "skipped", attempts=0)))
    assert os.listdir(tmp_path / "artifacts" / "logs") == []


def test_a_log_of_an_earlier_run_is_replaced(tmp_path: Path) -> None:
    for chunk in (b"a long log of the first run\n", b"second\n"):
        observe(StepLogs(tmp_path), *one_step([chunk]))
    assert (tmp_path / "logs" / "build.log").read_bytes() == b"second\n"


def test_an_unfinished_log_is_not_called_whole(logs: StepLogs, tmp_path: Path) -> None:
    observe(logs, *one_step([b"half"])[:3])
    logs.close()
    assert os.listdir(tmp_path / "artifacts" / "logs") == ["build.log.part"]


def test_a_directory_that_became_a_symlink_gains_nothing(logs: StepLogs, tmp_path: Path) -> None:
    """A step replaces the directory while the job runs: logs stay where they were."""
    prey = tmp_path / "prey"
    prey.mkdir()
    directory = tmp_path / "artifacts" / "logs"
    observe(logs, JobStarted("ci", {"build": (), "next": ()}))
    directory.rename(tmp_path / "moved")
    directory.symlink_to(prey)
    observe(logs, *one_step([b"x"], "next")[1:])
    assert os.listdir(prey) == []
    assert os.listdir(tmp_path / "moved") == ["next.log"]


def test_a_symlink_in_place_of_the_directory_is_refused(logs: StepLogs, tmp_path: Path) -> None:
    (tmp_path / "artifacts").mkdir()
    (tmp_path / "artifacts" / "logs").symlink_to(tmp_path)
    with pytest.raises(OutputError, match=r"cannot make logs in '.*/artifacts/logs': Not a directory"):
        observe(logs, JobStarted("ci", {"build": ()}))


@pytest.mark.parametrize("name", ["build.log", "build.log.part"])
@pytest.mark.parametrize("kind", ["symlink", "fifo", "hard link"])
def test_a_file_that_a_step_has_put_there_is_not_written(logs: StepLogs, tmp_path: Path, name: str, kind: str) -> None:
    precious = tmp_path / "precious"
    precious.write_text("precious")
    observe(logs, JobStarted("ci", {"build": ()}))
    planted = tmp_path / "artifacts" / "logs" / name
    if kind == "symlink":
        planted.symlink_to(precious)
    elif kind == "fifo":
        os.mkfifo(planted)
    else:
        planted.hardlink_to(precious)
    observe(logs, *one_step([b"x"])[1:])
    assert precious.read_text() == "precious"
    log = tmp_path / "artifacts" / "logs" / "build.log"
    assert log.read_bytes() == b"x"
    assert not log.is_symlink()


@pytest.mark.parametrize("planted", ["before the job", "by another step"])
def test_a_directory_in_place_of_a_log_is_named(logs: StepLogs, tmp_path: Path, planted: str) -> None:
    directory = tmp_path / "artifacts" / "logs" / "build.log"
    refused = pytest.raises(OutputError, match=r"cannot write the log '.*/artifacts/logs/build.log': Is a directory")
    if planted == "before the job":
        directory.mkdir(parents=True)
        observe(logs, JobStarted("ci", {"build": ()}))
        with refused:
            observe(logs, StepStarted("build", "make"))
    else:
        observe(logs, JobStarted("ci", {"build": ()}))
        directory.mkdir()
        observe(logs, StepStarted("build", "make"))
        with refused:
            observe(logs, StepOutput("build", b"x"))


def test_the_log_of_an_earlier_run_goes_when_its_step_begins(logs: StepLogs, tmp_path: Path) -> None:
    old = tmp_path / "artifacts" / "logs" / "build.log"
    old.parent.mkdir(parents=True)
    old.write_text("of an earlier run")
    observe(logs, JobStarted("ci", {"build": ()}), StepStarted("build", "make"))
    assert not old.exists()


@pytest.mark.parametrize("name", ["build.log", "build.log.part"])
def test_what_another_step_puts_in_the_place_of_the_log_of_a_silent_one_goes(
    logs: StepLogs, tmp_path: Path, name: str
) -> None:
    directory = tmp_path / "artifacts" / "logs"
    observe(logs, JobStarted("ci", {"build": (), "next": ()}), StepStarted("build", "make"))
    observe(logs, StepFinished(result("build")), StepStarted("next", "make"))
    (directory / name).write_text("all is well")
    (directory / "own").write_text("a file of the job")
    observe(logs, StepOutput("next", b"x"), StepFinished(result("next")))
    observe(logs, JobFinished(job(result("build"), result("next"))))
    assert sorted(os.listdir(directory)) == ["next.log", "own"]


def test_a_full_disk_names_the_log_and_leaves_none_that_looks_whole(
    logs: StepLogs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    full = os.open("/dev/full", os.O_WRONLY)
    events = one_step([b"x"])
    observe(logs, *events[:3])
    monkeypatch.setitem(logs._open, "build", logs._open["build"]._replace(fd=os.dup2(full, logs._open["build"].fd)))
    for event in events[2:]:
        with suppress(OutputError):
            logs.observe(event)
        if isinstance(event, StepOutput):
            with pytest.raises(OutputError, match=r"cannot write the log '.*/build.log': No space left on device"):
                logs.observe(event)
            break
    logs.close()
    os.close(full)
    assert os.listdir(tmp_path / "artifacts" / "logs") == ["build.log.part"]


def test_a_name_that_cannot_be_given_is_told(logs: StepLogs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    events = one_step([b"x"])
    observe(logs, *events[:3])
    monkeypatch.setattr(
        step_logs.os, "rename", lambda *_a, **_k: (_ for _ in ()).throw(OSError(5, "Input/output error"))
    )
    with pytest.raises(OutputError, match="Input/output error"):
        logs.observe(events[3])


def test_it_never_waits(logs: StepLogs) -> None:
    assert not logs.congested
    assert logs.give_up() == 0
