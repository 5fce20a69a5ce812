"""Lines with their times, in every mode that shows lines: the time is when they came, not when they are shown."""

from __future__ import annotations

import os
import re
from collections.abc import Callable

import pytest

from runnerlib.config import RunnerConfig
from runnerlib.events import Event, JobStarted, Notice, StepFinished, StepOutput, StepStarted, Warned
from runnerlib.output import MODES
from runnerlib.output.capabilities import TerminalCapabilities
from runnerlib.output.console import beside_time, console, for_lines
from runnerlib.output.line_output import stamped
from runnerlib.output.modes.ci_services import GitHub, Plain
from runnerlib.output.modes.grouped import Grouped
from runnerlib.output.modes.live import Live, Times
from runnerlib.output.protocol import Console
from runnerlib.output.streams import Streams, streams
from tests.output.show import EPOCH, contents, result

LOOK = TerminalCapabilities()
STAMP = re.compile(rb"2027-01-15T08:0(\d):00\.000Z ")


class Clock:
    def __init__(self) -> None:
        self.now = EPOCH

    def __call__(self) -> float:
        return self.now


def minutes_of(make: Callable[[Streams, Clock], Console]) -> list[tuple[str, bytes]]:
    """Return the lines of two steps that run together, a minute later each time, with the minute of each."""
    clock, out = Clock(), os.memfd_create("out")
    both = streams(out, out)
    shown = make(Streams(both.out, both.err, stamp=stamped), clock)
    events: list[Event] = [
        JobStarted("ci", {"a": (), "b": ()}),
        StepStarted("a", "make"),
        StepStarted("b", "lint"),
        StepOutput("b", b"first\nsecond\n"),
        StepOutput("a", b"third\n"),
        Warned("beware", "b"),
        Notice("said"),
    ]
    for event in events:
        shown.observe(event)
        clock.now += 60
    for name in ("a", "b"):
        shown.observe(StepFinished(result(name, took=clock.now - EPOCH)))
    shown.close()
    text = re.sub(rb"\x1b\[\?[0-9]+[hl]|\r(\x1b\[[0-9]+A)?\x1b\[J", b"\n", contents(out))
    os.close(out)
    found = [(STAMP.match(line), line) for line in text.split(b"\n")]
    return [(at[1].decode() if at else "", line[at.end() :] if at else line) for at, line in found if line]


BLOCKS = [
    ("", b"=== a"),
    ("1", b"$ make"),
    ("4", b"third"),
    ("6", b"runnerlib: said"),
    ("7", b"\xe2\x9c\x93 a: succeeded in 7m 00s"),
    ("", b"=== b"),
    ("2", b"$ lint"),
    ("3", b"first"),
    ("3", b"second"),
    ("5", b"warning: beware"),
    ("7", b"\xe2\x9c\x93 b: succeeded in 7m 00s"),
]


def test_blocks_that_are_shown_later_have_the_times_of_their_lines() -> None:
    assert minutes_of(lambda streams, clock: Grouped(streams, LOOK, Plain(), clock)) == BLOCKS


def test_marks_of_a_service_begin_their_lines() -> None:
    shown = minutes_of(lambda streams, clock: Grouped(streams, LOOK, GitHub(lambda: "token"), clock))
    assert [line for at, line in shown if not at] == [
        b"::group::a",
        b"::stop-commands::token",
        b"::token::",
        b"::endgroup::",
        b"::group::b",
        b"::stop-commands::token",
        b"::token::",
        b"::endgroup::",
    ]
    assert [(at, line) for at, line in shown if at] == [one for one in BLOCKS if one[0]]


def test_so_do_the_lines_above_a_view() -> None:
    shown = minutes_of(lambda streams, clock: Live(streams, LOOK, lambda: (80, 24), Times(clock, 1e9, clock)))
    assert [(at, line) for at, line in shown if at] == [one for one in BLOCKS if one[0]]


@pytest.mark.parametrize("mode", MODES)
def test_who_writes_the_time(mode: str) -> None:
    """Either the mode or the output below it, never both; and what the output takes of a line is no room for tables."""
    config = RunnerConfig(timestamps=True, output=mode)
    out = os.memfd_create("out")
    ends = for_lines(streams(out, out), config, {}, mode)
    ends.out.write(b"x\n")
    below = b"Z x" in contents(out)
    by_itself = {"json": (False, False), "grouped": (False, True), "live": (False, True)}
    assert (below, ends.stamp is not None) == by_itself.get(mode, (True, False))
    assert beside_time(LOOK, config, mode).taken == (25 if below else 0)
    console(mode, ends, LOOK._replace(terminal=True)).close()
    os.close(out)
