"""Prefixed: each line has its step's name, whole, in order, in its own colours only."""

from __future__ import annotations

import os
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runnerlib.events import (
    Event,
    JobStarted,
    Notice,
    StepFinished,
    StepOutput,
    StepRetrying,
    StepStarted,
    Warned,
)
from runnerlib.output.capabilities import TerminalCapabilities
from runnerlib.output.modes.prefixed import Prefixed
from runnerlib.output.streams import Streams
from tests.output.show import cut, cuts, one_step, outputs, result, shown

PLAIN = TerminalCapabilities()


def lines(events: list[Event], look: TerminalCapabilities = PLAIN) -> list[str]:
    def make(streams: Streams) -> Prefixed:
        return Prefixed(streams, look)

    out, err = shown(make, events)
    assert err == b""
    return out.decode(errors="replace").split("\n")[:-1]


@given(outputs, cuts, st.booleans())
def test_every_line_has_a_prefix_whatever_the_step_writes(data: bytes, places: list[int], colour: bool) -> None:
    got = lines(one_step(cut(data, places)), TerminalCapabilities(colour=colour))
    assert got == lines(one_step([data]), TerminalCapabilities(colour=colour))
    prefix = re.compile(r"(\x1b\[36m)?build [│»](\x1b\[0m)? ")
    assert all(prefix.match(line) for line in got)
    assert len(got) == 2 + data.count(b"\n") + (bool(data) and not data.endswith(b"\n"))
    for line in got:  # what a line switches on it switches off
        assert not re.search(r"\x1b\[(?!0?m)[0-9;:]*m[^\x1b]*$", line) or line.endswith("m")


def test_steps_that_run_together_share_no_line() -> None:
    events: list[Event] = [
        Notice("cloning"),
        JobStarted("ci", {"build": (), "a b": ("build",), "日本": ()}),
        StepStarted("build", "make\nmake install"),
        StepStarted("日本", "true"),
        StepOutput("build", b"com"),
        StepOutput("日本", b"one\ntwo"),
        StepOutput("build", b"piling\n"),
        Warned("beware", "build"),
        Warned("in general"),
        StepRetrying("日本", 1, "exit code 3", 2.0),
        StepStarted("日本", "true", 2),
        StepFinished(result("日本")),
        StepFinished(result("build", "failure", 3, "exit code 3", took=75)),
        StepFinished(result("a b", "skipped", 0, "'build' did not succeed", attempts=0)),
    ]
    assert lines(events) == [
        "runnerlib: cloning",
        "build » $ make",
        "build »     make install",
        "日本  » $ true",
        "日本  │ one",
        "build │ compiling",
        "build » warning: beware",
        "runnerlib: warning: in general",
        "日本  │ two",
        "日本  » attempt 1 failed: exit code 3; the next one follows in 2.0 s",
        "日本  » $ true  (attempt 2)",
        "日本  » succeeded in 1.0 s",
        "build » failed after 1m 15s: exit code 3",
        "a b   » skipped: 'build' did not succeed",
    ]


def test_colours_go_on_in_the_next_line_and_stay_off_the_prefix() -> None:
    got = lines(one_step([b"\x1b[31mred\nstill\x1b[39m not\n\x1b[2Jplain\n"]))
    assert got[1:4] == ["build │ \x1b[31mred\x1b[0m", "build │ \x1b[31mstill\x1b[39m not", "build │ plain"]


def test_without_unicode_and_with_colours() -> None:
    events: list[Event] = [JobStarted("ci", {"x" * 30: (), "b": ()}), StepStarted("b", "true"), StepOutput("b", b"y\n")]
    assert lines(events, TerminalCapabilities(unicode=False)) == ["b" + " " * 23 + " > $ true", "b" + " " * 23 + " | y"]
    assert lines(events, TerminalCapabilities(colour=True))[1].startswith("\x1b[35mb" + " " * 23 + " │\x1b[0m y")


def test_a_long_name_is_shortened() -> None:
    assert lines([JobStarted("ci", {"x" * 30: ()}), StepStarted("x" * 30, "true")]) == ["x" * 23 + "… » $ true"]


def test_long_names_stay_distinct() -> None:
    names = ["integration-tests-postgres-14", "integration-tests-postgres-15"]
    got = lines([JobStarted("ci", dict.fromkeys(names, ())), *(StepStarted(name, "true") for name in names)])
    assert got == ["integration-…postgres-14 » $ true", "integration-…postgres-15 » $ true"]


def test_no_line_is_over_64_kib() -> None:
    name = "é" * 100
    events: list[Event] = [
        JobStarted("ci", {name: ()}),
        StepStarted(name, "x"),
        StepOutput(name, b"\x1b[31m" + b"x" * 200_000),
    ]
    got = lines([*events, StepFinished(result(name))], TerminalCapabilities(colour=True))
    assert len(got) > 4
    assert all(len(line.encode()) < 1 << 16 for line in got)


def test_lines_of_the_runner_stay_in_their_column(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a narrow terminal names take a third; output is passed on as it is."""
    monkeypatch.setattr(os, "get_terminal_size", lambda _descriptor: os.terminal_size((40, 24)))
    events: list[Event] = [
        JobStarted("ci", {"a step with a rather long name": (), "b": ()}),
        StepStarted("b", "make all install"),
        StepOutput("b", b"x" * 40 + b"\n"),
        StepFinished(result("b", "failure", 3, "exit code 3 of a step", required=False)),
    ]
    assert lines(events, TerminalCapabilities(sized=True)) == [
        "b             » $ make all install",
        "b             │ " + "x" * 40,
        "b             » failed after 1.0 s: exit",
        "b             » code 3 of a step (the",
        "b             » job does not require it)",
    ]


def test_a_step_that_was_not_announced_has_its_name() -> None:
    events: list[Event] = [JobStarted("ci", {"t": ()}), StepStarted("t", "x"), StepStarted("tests[0]", "y")]
    assert lines(events) == ["t » $ x", "tests[0] » $ y"]
