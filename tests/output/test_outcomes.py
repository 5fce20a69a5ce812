"""An outcome has one mark and one colour, whatever shows it; and nothing else has its colour."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runnerlib.events import Event, JobFinished, JobStarted, StepFinished, StepStarted
from runnerlib.events.result import StepResult
from runnerlib.output.capabilities import TerminalCapabilities
from runnerlib.output.messages import finished
from runnerlib.output.modes.ci_services import Plain
from runnerlib.output.modes.grouped import Grouped
from runnerlib.output.modes.live import Live
from runnerlib.output.modes.prefixed import Prefixed
from runnerlib.output.protocol import Console
from runnerlib.output.streams import Streams
from runnerlib.output.summary import Summary
from runnerlib.output.text.columns import PALETTE, columns
from runnerlib.output.text.outcomes import said, style_of
from tests.output.show import job, result, shown

COLOURED = TerminalCapabilities(colour=True)
RESULTS = {
    ("✓", "32"): result("x"),
    ("✗", "31"): result("x", "failure", 3, "exit code 3"),
    ("✗", "33"): result("x", "failure", 3, "exit code 3", required=False),
    ("!", "33"): result("x", "cancelled", 130, "stopped by SIGINT"),
    ("·", "2"): result("x", "skipped", 0, "'a' did not succeed", attempts=0),
}


def live(streams: Streams) -> Live:
    return Live(streams, COLOURED, lambda: (80, 24))


def grouped(streams: Streams) -> Grouped:
    return Grouped(streams, COLOURED, Plain())


def prefixed(streams: Streams) -> Prefixed:
    return Prefixed(streams, COLOURED)


def ending(mode: Callable[[Streams], Console], ended: StepResult) -> tuple[str, str]:
    """The colour in which a mode says how a step ended, and the text."""
    events: list[Event] = [JobStarted("ci", {"x": ()}), StepStarted("x", "true"), StepFinished(ended)]
    painted = re.findall(r"\x1b\[([0-9;]+)m([^\x1b]*)\x1b\[0m", shown(mode, events)[0].decode())
    (found,) = [(sgr, text) for sgr, text in painted if text.endswith(finished(ended))]
    return found


@pytest.mark.parametrize("mode", [live, grouped, prefixed], ids=["live", "grouped", "prefixed"])
def test_every_mode_shows_an_outcome_alike(mode: Callable[[Streams], Console]) -> None:
    for (mark, sgr), ended in RESULTS.items():
        colour, text = ending(mode, ended)
        assert colour == sgr
        assert mode is prefixed or text.startswith(f"{mark} x: ")


def test_so_does_the_summary() -> None:
    for (mark, sgr), ended in RESULTS.items():
        said: list[bytes] = []
        Summary(said.append, COLOURED).observe(JobFinished(job(ended)))
        assert f"\x1b[{sgr}m{mark} x" in b"".join(said).decode()


def test_the_colours_of_outcomes_are_those_of_no_name() -> None:
    hues = {sgr[-1] for sgr in PALETTE}
    assert hues.isdisjoint(style_of(one).sgr[-1] for one in RESULTS.values() if len(style_of(one).sgr) > 1)


def test_a_step_that_was_stopped_has_not_failed() -> None:
    assert ending(prefixed, RESULTS["!", "33"])[1] == "cancelled after 1.0 s: stopped by SIGINT"


@given(st.text(st.sampled_from("ab 步-…"), max_size=60), st.integers(4, 30))
def test_lines_of_the_runner_fit_and_keep_their_text(text: str, width: int) -> None:
    rows = said(text, "", TerminalCapabilities(), width).decode().split("\n")[:-1]
    assert all(columns(row) <= width for row in rows)
    assert all(row.startswith("  ") for row in rows[1:])
    kept = "".join(row.removesuffix("…") for row in rows).replace(" ", "").replace("…", "")
    assert kept == text.replace(" ", "").replace("…", "")
    assert said(text, "", TerminalCapabilities(), 0).decode() == f"{text}\n"
