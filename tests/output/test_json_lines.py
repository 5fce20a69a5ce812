"""JSON lines: every event as documented, every byte of output recoverable, on stdout and in a file."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import stat
from collections.abc import Callable
from functools import cache
from itertools import count
from pathlib import Path
from typing import Any, get_args

import jsonschema
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from runnerlib.errors import OutputError
from runnerlib.events import (
    Annotated,
    Event,
    JobFinished,
    JobStarted,
    Masked,
    Measured,
    Notice,
    ProcessSample,
    Reported,
    Sampled,
    StepFinished,
    StepOutput,
    StepRetrying,
    StepStarted,
    Triggered,
    Warned,
    WorkflowFinished,
    WorkflowJobFinished,
)
from runnerlib.events.findings import CaseCounts, Finding
from runnerlib.events.result import Cause, Outcome, StepResult, Usage, WorkflowResult
from runnerlib.masking.report import MaskReport, RuleCount
from runnerlib.output.log.events_file import EventsFile
from runnerlib.output.modes.json_lines import Encoder, JsonLines
from runnerlib.output.streams import Streams
from tests.output.show import EPOCH, cut, cuts, job, one_step, outputs, result, shown

SCHEMA = Path(__file__).parents[2] / "docs" / "events.schema.json"
NewLoop = Callable[[], asyncio.AbstractEventLoop]

texts = st.text(max_size=20)
ALL: list[Event] = [
    Notice("cloning"),
    Sampled("a", EPOCH, 1.5, 1 << 20, 0, 512, 1, (ProcessSample(7, 1, "make", 1.0, 0.5, 1 << 20),)),
    Measured("source", "src", EPOCH, EPOCH + 1),
    Warned("beware"),
    Warned("beware", "a"),
    JobStarted("ci", {"a": (), "b": ("a",)}),
    StepStarted("a", "make", 1),
    StepOutput("a", b"one\n\xff\n" + "zwölf".encode()),
    StepRetrying("a", 1, "exit code 1", 0.5),
    StepStarted("a", "make", 2),
    Masked("a", MaskReport((RuleCount("TOKEN", "base64", 2, 40), RuleCount("TOKEN", "raw", 1, 12)), 900, 878, 24)),
    Annotated("a", Finding("error", "assert 3 == 4", "tests/test_a.py", 12, 0, "test_a", "junit")),
    Annotated("a", Finding("notice", "no place")),
    Reported("a", "junit", 3, 1, CaseCounts(4, 1, 0, 0.25)),
    Reported("a", "cobertura", 1, coverage=0.5),
    StepFinished(result("a", usage=Usage(1.5, 0.25, 1 << 20, None, 512))._replace(outputs={"version": "1.2"})),
    StepFinished(result("b", "skipped", 0, "its condition is false", cause="condition", attempts=0)),
    JobFinished(job(result("a"))),
    Triggered('{"type":"trigger_job","operation_id":"7","trigger_type":"runnerlib","jobs":[]}', b"a line\n"),
    WorkflowJobFinished(result("build[0]")),
    WorkflowFinished(WorkflowResult("ci", 1, "job 'build[0]': exit code 1", (result("build[0]"),), EPOCH, EPOCH + 1)),
]


def clock() -> float:
    return EPOCH + 0.25


@cache
def validator() -> Any:
    schema = json.loads(SCHEMA.read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


def objects(data: bytes) -> list[dict[str, Any]]:
    assert not data or data.endswith(b"\n")
    assert all(len(line) < 1 << 16 for line in data.split(b"\n"))
    found = [json.loads(line) for line in data.split(b"\n")[:-1]]
    for one in found:
        validator().validate(one)
    return found


def encoded(events: list[Event]) -> list[dict[str, Any]]:
    encoder = Encoder(clock)
    return objects(b"".join(map(encoder.encode, events)))


def test_every_kind_of_event_is_documented() -> None:
    assert {type(event) for event in ALL} == set(get_args(Event))
    kinds = {one["type"] for one in encoded(ALL)}
    definitions = json.loads(SCHEMA.read_text(encoding="utf-8"))["$defs"]
    assert kinds == {name for name, schema in definitions.items() if "type" in schema.get("properties", {})}
    causes = definitions["step_finished"]["properties"]["cause"]["enum"]
    assert tuple(causes) == get_args(Cause)
    assert tuple(definitions["step_finished"]["properties"]["outcome"]["enum"]) == get_args(Outcome)


def test_what_the_lines_say() -> None:
    got = encoded(ALL)
    time = "2027-01-15T08:00:00.250000Z"
    assert {one["time"] for one in got} == {time}
    assert [{key: value for key, value in one.items() if key not in {"v", "time"}} for one in got] == [
        {"type": "notice", "text": "cloning"},
        {
            "type": "sample",
            "step": "a",
            "at": "2027-01-15T08:00:00.000000Z",
            "cpu": 1.5,
            "rss": 1 << 20,
            "read": 0,
            "written": 512,
            "total": 1,
            "processes": [{"pid": 7, "parent": 1, "name": "make", "cpu": 1.0, "children": 0.5, "rss": 1 << 20}],
        },
        {"type": "warning", "text": "beware", "step": None},
        {"type": "warning", "text": "beware", "step": "a"},
        {"type": "job_started", "job": "ci", "steps": {"a": [], "b": ["a"]}},
        {"type": "step_started", "step": "a", "command": "make", "attempt": 1},
        {"type": "step_output", "step": "a", "text": "one"},
        {"type": "step_output", "step": "a", "base64": "/w=="},
        {"type": "step_output", "step": "a", "text": "zwölf", "continued": True},
        {"type": "step_retrying", "step": "a", "attempt": 1, "reason": "exit code 1", "delay": 0.5},
        {"type": "step_started", "step": "a", "command": "make", "attempt": 2},
        {
            "type": "masked",
            "step": "a",
            "rules": [
                {"rule": "TOKEN", "form": "base64", "marks": 2, "bytes": 40},
                {"rule": "TOKEN", "form": "raw", "marks": 1, "bytes": 12},
            ],
            "marks": 3,
            "bytes_masked": 52,
            "bytes_in": 900,
            "bytes_out": 878,
            "most_held": 24,
        },
        {
            "type": "annotation",
            "step": "a",
            "level": "error",
            "text": "assert 3 == 4",
            "path": "tests/test_a.py",
            "line": 12,
            "column": None,
            "title": "test_a",
            "source": "junit",
        },
        {
            "type": "annotation",
            "step": "a",
            "level": "notice",
            "text": "no place",
            "path": None,
            "line": None,
            "column": None,
            "title": "",
            "source": "",
        },
        {
            "type": "report",
            "step": "a",
            "kind": "junit",
            "files": 3,
            "findings": 1,
            "coverage": None,
            "cases": {"passed": 4, "failed": 1, "skipped": 0, "seconds": 0.25},
        },
        {
            "type": "report",
            "step": "a",
            "kind": "cobertura",
            "files": 1,
            "findings": 0,
            "coverage": 0.5,
            "cases": None,
        },
        {
            "type": "step_finished",
            "step": "a",
            "outcome": "success",
            "exit_code": 0,
            "reason": "",
            "cause": "",
            "attempts": 1,
            "started": "2027-01-15T08:00:00.000000Z",
            "ended": "2027-01-15T08:00:01.000000Z",
            "usage": {"user": 1.5, "system": 0.25, "max_rss": 1048576, "read": None, "written": 512},
            "outputs": {"version": "1.2"},
            "required": True,
        },
        {
            "type": "step_finished",
            "step": "b",
            "outcome": "skipped",
            "exit_code": 0,
            "reason": "its condition is false",
            "cause": "condition",
            "attempts": 0,
            "started": None,
            "ended": None,
            "usage": None,
            "outputs": {},
            "required": True,
        },
        {
            "type": "job_finished",
            "job": "ci",
            "exit_code": 0,
            "reason": "",
            "started": "2027-01-15T08:00:00.000000Z",
            "ended": "2027-01-15T08:01:12.000000Z",
        },
        {
            "type": "triggers",
            "message": {"type": "trigger_job", "operation_id": "7", "trigger_type": "runnerlib", "jobs": []},
        },
        {
            "type": "workflow_job_finished",
            "job": "build[0]",
            "outcome": "success",
            "exit_code": 0,
            "reason": "",
            "cause": "",
            "attempts": 1,
            "started": "2027-01-15T08:00:00.000000Z",
            "ended": "2027-01-15T08:00:01.000000Z",
            "usage": got[-2]["usage"],
            "outputs": {},
            "required": True,
        },
        {
            "type": "workflow_finished",
            "workflow": "ci",
            "exit_code": 1,
            "reason": "job 'build[0]': exit code 1",
            "started": "2027-01-15T08:00:00.000000Z",
            "ended": "2027-01-15T08:00:01.000000Z",
        },
    ]


def written(one: dict[str, Any]) -> bytes:
    line: bytes = one["text"].encode() if "text" in one else base64.b64decode(one["base64"])
    return line if one.get("continued") else line + b"\n"


@given(outputs, cuts)
@example(b"\x1b" * 30_000 + b"\n" + b"\xff" * 30_000, [])
@example("😀".encode() * 8_000, [1, 9_999, 10_001])
@example(b"\\n\\\\n\n", [])
@settings(deadline=None)  # the validator is slow
def test_the_output_can_be_put_together_again(data: bytes, places: list[int]) -> None:
    got = [one for one in encoded(one_step(cut(data, places), 'a"\\😀')) if one["type"] == "step_output"]
    assert b"".join(map(written, got)) == data
    assert {one["step"] for one in got} <= {'a"\\😀'}


@settings(deadline=None)
@given(
    texts,
    st.tuples(texts, st.sampled_from(get_args(Outcome)), st.integers(0, 255), texts).map(lambda t: StepResult(*t)),
)
def test_any_text_is_valid(text: str, finished: StepResult) -> None:
    encoded([Notice(text), Warned(text, text), StepStarted(text, text), StepFinished(finished), JobStarted(text, {})])


def test_undecodable_text_and_long_commands() -> None:
    got = encoded([Notice("file \udcff"), StepStarted("a", "x" * 100_000)])
    assert got[0]["text"] == "file \udcff"
    assert got[1]["command"] == "x" * 8000 + "…"


def test_on_stdout() -> None:
    def make(streams: Streams) -> JsonLines:
        console = JsonLines(streams, clock)
        console.say(b"for people\n")
        return console

    out, err = shown(make, ALL)
    assert objects(out) == encoded(ALL)
    assert err == b"for people\n"


class TestFile:
    def test_the_same_lines(self, tmp_path: Path) -> None:
        path = tmp_path / "events"
        path.write_text("older")
        file = EventsFile(path, tmp_path, clock=clock)
        for event in ALL:
            file.observe(event)
        assert not file.congested
        asyncio.run(file.drain())
        assert file.give_up() == 0
        file.close()
        file.close()
        assert objects(path.read_bytes()) == encoded(ALL)

    def test_it_is_for_its_owner(self, tmp_path: Path) -> None:
        EventsFile(tmp_path / "events", tmp_path).close()
        assert stat.S_IMODE((tmp_path / "events").stat().st_mode) == 0o600

    def test_no_symlink_is_followed(self, tmp_path: Path) -> None:
        (tmp_path / "target").write_text("precious")
        (tmp_path / "events").symlink_to(tmp_path / "target")
        with pytest.raises(OutputError, match=r"cannot write the events to '.*/events': Too many levels of symbolic"):
            EventsFile(tmp_path / "events", tmp_path)
        assert (tmp_path / "target").read_text() == "precious"

    def test_a_pipe_that_nobody_reads_does_not_block(self, tmp_path: Path) -> None:
        os.mkfifo(tmp_path / "events")
        with pytest.raises(OutputError, match="No such device or address"):
            EventsFile(tmp_path / "events", tmp_path)

    def test_a_slow_reader_of_a_pipe_and_one_that_leaves(self, tmp_path: Path, new_loop: NewLoop) -> None:
        os.mkfifo(tmp_path / "events")
        reader = os.open(tmp_path / "events", os.O_RDONLY | os.O_NONBLOCK)
        os.set_blocking(reader, True)

        async def main() -> None:
            file = EventsFile(tmp_path / "events", tmp_path, clock=clock)
            for _ in range(8):
                file.observe(StepOutput("a", b"x" * 1_000_000 + b"\n"))
            assert file.congested
            draining = asyncio.create_task(file.drain())
            got = 0
            while got < 1_000_000:
                got += len(await asyncio.to_thread(os.read, reader, 1 << 20))
            os.close(reader)
            with pytest.raises(OutputError, match=r"cannot write the events to '.*/events': its reader has closed it"):
                await draining
            file.close()

        with asyncio.Runner(loop_factory=new_loop) as loop:
            loop.run(main())

    def test_a_full_disk(self) -> None:
        file = EventsFile(Path("/dev/full"), Path("/nowhere"))
        with pytest.raises(OutputError, match="cannot write the events to '/dev/full': No space left on device"):
            file.observe(Notice("x"))
        file.close()

    @pytest.mark.parametrize("way", ["artifacts/events", "artifacts/deeper/events", "src/../artifacts/events"])
    def test_no_directory_that_a_job_has_replaced_is_entered(self, tmp_path: Path, way: str) -> None:
        (tmp_path / "job" / "src").mkdir(parents=True)
        (tmp_path / "theirs" / "deeper").mkdir(parents=True)
        (tmp_path / "job" / "artifacts").symlink_to(tmp_path / "theirs")
        (tmp_path / "other").symlink_to(tmp_path / "job")
        for base in (tmp_path / "job", tmp_path / "other"):
            with pytest.raises(OutputError, match=r"cannot write the events to '.*/events': a link stands where"):
                EventsFile(base / way, tmp_path / "job")
        assert not list((tmp_path / "theirs").rglob("events"))

    def test_links_elsewhere_are_whose_they_are(self, tmp_path: Path) -> None:
        (tmp_path / "real").mkdir()
        (tmp_path / "link").symlink_to("real")
        EventsFile(tmp_path / "link" / "events", tmp_path / "job").close()
        assert (tmp_path / "real" / "events").exists()

    @pytest.mark.parametrize("below", ["", "job"])
    def test_a_directory_that_is_not_there(self, tmp_path: Path, below: str) -> None:
        base = tmp_path / below
        base.mkdir(exist_ok=True)
        with pytest.raises(OutputError, match="No such file or directory"):
            EventsFile(tmp_path / "no" / "events", base)


def test_time_goes_on() -> None:
    ticks = count(1)
    encoder = Encoder(lambda: float(next(ticks)))
    lines = [json.loads(encoder.encode(Notice("x"))) for _ in range(2)]
    assert [line["time"] for line in lines] == ["1970-01-01T00:00:01.000000Z", "1970-01-01T00:00:02.000000Z"]
