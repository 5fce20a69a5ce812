"""The cap: beginning and end, and how much is missing between, in bounded memory."""

from __future__ import annotations

import asyncio
import re

from hypothesis import given
from hypothesis import strategies as st

from runnerlib.events import Event, StepFinished, StepOutput, StepRetrying, StepStarted
from runnerlib.output.capabilities import TerminalCapabilities
from runnerlib.output.log.file_names import LogNames
from runnerlib.output.modes.raw import Raw, console
from runnerlib.output.streams import Streams
from runnerlib.output.truncate import Truncate
from tests.output.show import cut, cuts, one_step, outputs, result, shown

NOTE = re.compile(rb"\xe2\x80\xa6 ([0-9,]+) bytes left out; the full log is artifacts/logs/build\.log \xe2\x80\xa6\n")


def capped(events: list[Event], head: int, tail: int) -> bytes:
    def make(streams: Streams) -> Truncate:
        return Truncate(console(streams, TerminalCapabilities()), head=head, tail=tail, path=LogNames().path)

    return shown(make, events)[0]


@given(outputs, cuts, st.integers(0, 40), st.integers(0, 40))
def test_beginning_and_end_are_shown_and_the_rest_is_counted(
    data: bytes, places: list[int], head: int, tail: int
) -> None:
    chunks = cut(data, places)
    got = capped(one_step(chunks), head, tail)
    parts = NOTE.split(got)
    if len(parts) == 1:
        assert got == data
        return
    first, left_out, last = parts
    between = int(left_out.replace(b",", b""))
    if len(first) + between + len(last) > len(data):  # the note begins a line
        first = first.removesuffix(b"\n")
        assert first
        assert not first.endswith(b"\n")
    assert data.startswith(first)
    assert data.endswith(last)
    assert len(first) + between + len(last) == len(data)
    assert len(last) <= tail
    assert len(first) <= head + max(map(len, chunks))
    assert len(data) > tail


@given(outputs, cuts)
def test_what_fits_is_shown_as_it_is(data: bytes, places: list[int]) -> None:
    assert capped(one_step(cut(data, places)), 1 << 20, 0) == data
    assert capped(one_step(cut(data, places)), 0, 1 << 20) == data


def test_it_cuts_at_lines() -> None:
    lines = [b"line %05d\n" % number for number in range(1000)]
    got = capped(one_step([b"".join(lines)]), 25, 25)
    assert got == (
        b"".join(lines[:3])
        + "… 10,945 bytes left out; the full log is artifacts/logs/build.log …\n".encode()
        + b"".join(lines[-2:])
    )


def test_output_without_lines_is_cut_between_characters() -> None:
    got = capped(one_step(["ü".encode()] * 1000), 5, 5)
    assert got.decode() == "üüü\n… 1,990 bytes left out; the full log is artifacts/logs/build.log …\nüü"


def test_every_attempt_has_its_own_cap() -> None:
    events: list[Event] = []
    for attempt in (1, 2):
        events.append(StepStarted("build", "make", attempt))
        events.extend(StepOutput("build", b"%d\n" % number) for number in range(10))
        events.append(StepRetrying("build", 1, "exit code 1", 1) if attempt == 1 else StepFinished(result("build")))
    once = "0\n… 14 bytes left out; the full log is artifacts/logs/build.log …\n8\n9\n"
    assert capped(events, 2, 4).decode() == once * 2


def test_memory_is_bounded() -> None:
    kept = 0

    class Watched(Truncate):
        def observe(self, event: Event) -> None:
            nonlocal kept
            super().observe(event)
            kept = max([kept, *(len(shown._tail) for shown in self._shown.values())])

    def make(streams: Streams) -> Truncate:
        return Watched(console(streams, TerminalCapabilities()), head=100, tail=1000, path=LogNames().path)

    chunks = [bytes(1 << 16)] * 50 + [b"x"] * 10_000
    shown(make, one_step(chunks))
    assert kept < 2 * 1000 + (2 << 16)


def test_the_rest_goes_to_the_console() -> None:
    def make(streams: Streams) -> Truncate:
        raw: Raw = console(streams, TerminalCapabilities())
        cap = Truncate(raw, path=LogNames().path)
        assert not cap.congested
        asyncio.run(cap.drain())
        cap.say(b"said\n")
        assert cap.give_up() == 0
        return cap

    assert shown(make, one_step([b"x"])) == (b"x", b"said\nrunnerlib: $ make\n")
