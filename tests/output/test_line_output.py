"""Lines that are not too long, and have the time: every cut of the output, marks and characters whole."""

from __future__ import annotations

import os
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runnerlib.config import RunnerConfig
from runnerlib.events import JobStarted, StepOutput, Triggered
from runnerlib.output.capabilities import TerminalCapabilities
from runnerlib.output.console import console, for_lines, is_one_stream
from runnerlib.output.line_output import MARK, LineOutput
from runnerlib.output.streams import Output, streams
from tests.output.show import cut, cuts

MASK, SHAPE = b"[REDACTED]", b"[REDACTED:github-token]"
pieces = st.one_of(
    st.sampled_from([MASK, SHAPE, b"\n", b"\n\n", b"a" * 30, b"\x1b[31m", b"\r", "ü€😀".encode(), b"\xff\x80"]),
    st.integers(1, 400).map(lambda count: b"x" * count),
    st.integers(1, 200).map(lambda count: "€".encode() * count),
)
texts = st.lists(pieces, max_size=30).map(b"".join)


class Kept(Output):
    def __init__(self) -> None:
        self.data = b""

    def write(self, data: bytes) -> None:
        self.data += data


def written(chunks: list[bytes], longest: int | None, seconds: float | None = None) -> bytes:
    kept = Kept()
    output = LineOutput(kept, longest, (SHAPE, MASK), None if seconds is None else lambda: seconds)
    for chunk in chunks:
        output.write(chunk)
    return kept.data


@given(texts, cuts, st.integers(256, 300))
def test_no_line_is_longer_and_nothing_is_lost(text: bytes, places: list[int], longest: int) -> None:
    shown = written(cut(text, places), longest)
    assert max(map(len, shown.split(b"\n"))) <= longest
    assert shown.replace(MARK + b"\n", b"") == text


@given(texts, st.integers(256, 300), st.lists(st.integers(min_value=0), max_size=6))
def test_marks_and_characters_stay_whole(text: bytes, longest: int, places: list[int]) -> None:
    text = text.replace(b"\xff\x80", b"")
    inside = [found.span() for found in re.finditer(rb"\[REDACTED[^]]*\]", text)]
    ends = [place % (len(text) + 1) for place in places]
    ends = [end for end in ends if not any(begin < end < stop for begin, stop in inside)]  # a mark comes in one piece
    shown = written(cut(text, ends), longest)
    for line in shown.split(b"\n"):
        line.removesuffix(MARK).decode()
    assert (shown.count(MASK), shown.count(SHAPE)) == (text.count(MASK), text.count(SHAPE))


@pytest.mark.parametrize("mark", [b"***", b"*", b"m" * 400])
def test_marks_of_any_kind(mark: bytes) -> None:
    kept = Kept()
    output = LineOutput(kept, 256, (mark,))
    output.write(mark * 400 + b"\n")
    assert kept.data.replace(MARK + b"\n", b"") == mark * 400 + b"\n"
    assert all(len(line.removesuffix(MARK)) % len(mark) == 0 for line in kept.data.splitlines())


def test_a_line_that_just_fits_is_not_cut() -> None:
    room = 300 - len(MARK) - 3
    assert written([b"x" * room + b"\n"], 300) == b"x" * room + b"\n"
    assert written([b"x" * room, b"\n", b"y\n"], 300) == b"x" * room + b"\ny\n"
    assert written([b"x" * room, b"x\n"], 300) == b"x" * room + MARK + b"\nx\n"


@given(texts, cuts)
def test_each_line_begins_with_the_time(text: bytes, places: list[int]) -> None:
    shown = written(cut(text, places), None, 1_800_000_000.25)
    lines = re.findall(rb"[^\n]*\n|[^\n]+", shown)
    assert all(line.startswith(b"2027-01-15T08:00:00.250Z ") for line in lines)
    assert b"".join(line[25:] for line in lines) == text


@given(texts, cuts)
def test_the_time_counts(text: bytes, places: list[int]) -> None:
    assert max(map(len, written(cut(text, places), 300, 0).split(b"\n"))) <= 300


@pytest.mark.parametrize("mode", ["raw", "prefixed"])
def test_lines_for_programs_stay_as_they_are(mode: str) -> None:
    line = b"RUNNERLIB_TRIGGERS - " + b"x" * 65_000 + b"\n"
    out = os.memfd_create("out")
    ends = for_lines(streams(out, out), RunnerConfig(timestamps=True, log_stream="one", max_line=300), {}, mode)
    shown = console(mode, ends, TerminalCapabilities())
    for event in (JobStarted("job", {"a": ()}), StepOutput("a", b"unfinished"), Triggered("x", line)):
        shown.observe(event)
    shown.close()
    assert line in os.pread(out, 1 << 20, 0).splitlines(keepends=True)
    os.close(out)


@pytest.mark.parametrize(
    ("settings", "worker", "terminal", "one"),
    [
        ({}, False, False, False),
        ({}, True, False, True),
        ({}, True, True, False),
        ({"output": "json"}, True, False, False),
        ({"log_format": "json"}, True, False, False),
        ({"log_stream": "split"}, True, False, False),
        ({"log_stream": "one"}, False, True, True),
        ({"log_stream": "one", "output": "json"}, False, False, True),
    ],
)
def test_one_stream(settings: dict[str, str], worker: bool, terminal: bool, one: bool) -> None:
    environ = {"REACTORCIDE_JOB_ID": "7"} if worker else {}
    assert is_one_stream(RunnerConfig(**settings), environ, terminal) is one  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("config", "worker", "mode", "longest"),
    [
        (RunnerConfig(), False, "raw", 70_000),
        (RunnerConfig(), True, "raw", 65_024),
        (RunnerConfig(output="json"), True, "json", 70_000),
        (RunnerConfig(max_line=0), True, "raw", 70_000),
        (RunnerConfig(max_line=1000), False, "prefixed", 1000),
    ],
)
def test_what_is_cut_by_itself(config: RunnerConfig, worker: bool, mode: str, longest: int) -> None:
    out, err = os.memfd_create("out"), os.memfd_create("err")
    made = for_lines(streams(out, err), config, {"REACTORCIDE_JOB_ID": "7"} if worker else {}, mode)
    made.out.write(b"x" * 70_000)
    made.close()
    shown = os.pread(out, 1 << 20, 0)
    assert longest - 10 <= max(map(len, shown.split(b"\n"))) <= longest
    assert (made.err is made.out) == (worker and mode != "json")
    os.close(out)
    os.close(err)
