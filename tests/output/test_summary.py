"""The summary: root cause first, then a table that stays aligned whatever the names."""

from __future__ import annotations

import asyncio
import os
import re
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runnerlib.events import Event, JobFinished, JobStarted, Masked, StepFinished, StepOutput, StepRetrying, StepStarted
from runnerlib.events.result import JobResult, StepResult, Usage
from runnerlib.masking.report import MaskReport, RuleCount
from runnerlib.output import summary as summary_module
from runnerlib.output.capabilities import TerminalCapabilities
from runnerlib.output.log.file_names import log_path
from runnerlib.output.summary import Summary
from runnerlib.output.text.columns import columns
from tests.output.show import EPOCH, job, one_step, outputs, result

PLAIN = TerminalCapabilities()


def told(events: list[Event], look: TerminalCapabilities = PLAIN, *, console_told: bool = False) -> str:
    said: list[bytes] = []
    summary = Summary(said.append, look, log_path, console_told=console_told)
    for event in events:
        summary.observe(event)
    assert not summary.congested
    asyncio.run(summary.drain())
    assert summary.give_up() == 0
    summary.close()
    return b"".join(said).decode()


LINT = result("lint", usage=Usage(0.7, 0.1, 45 << 20))
TEST = result("unit tests", "failure", 1, "exit code 1", took=65, attempts=2, usage=Usage(60, 3.25, 1536 << 20))
FLAKY = result("flaky", "failure", 7, "exit code 7", required=False)
DEPLOY = result("deploy", "skipped", 0, "'unit tests' did not succeed", attempts=0)
JOB = job(LINT, TEST, FLAKY, DEPLOY)

FAILED: list[Event] = [
    JobStarted("ci", {step.name: () for step in JOB.steps}),
    StepStarted("flaky", "./flaky"),
    StepOutput("flaky", b"flaky\n"),
    StepStarted("unit tests", "pytest"),
    StepOutput("unit tests", b"first attempt\n"),
    StepRetrying("unit tests", 1, "exit code 1", 1),
    StepStarted("unit tests", "pytest", 2),
    *(StepOutput("unit tests", b"\x1b[31mline %d\x1b[0m\n" % number) for number in range(30)),
    StepOutput("unit tests", b"10%\r100%\nlast \xff\0\n\n"),
    StepFinished(FLAKY),
    StepFinished(TEST),
    JobFinished(JOB),
]


def test_what_failed_first_and_why() -> None:
    shown = told(FAILED).split("\n")
    assert shown[:3] == ["", "job 'ci' failed after 1m 12s: step 'unit tests': exit code 1", "its last lines:"]
    assert shown[3:23] == [
        *(f"  │ line {number}" for number in range(12, 30)),
        "  │ 100%",
        "  │ last \N{REPLACEMENT CHARACTER}^@",
    ]
    assert shown[23:25] == [f"the full log is {log_path('unit tests')}", ""]
    assert shown[25:] == [
        "  step        outcome  attempts    time     CPU  max RSS  reason",
        "✓ lint        success         1   1.0 s   0.8 s   45 MiB",
        "✗ unit tests  failure         2  1m 05s  1m 03s  1.5 GiB  exit code 1",
        "✗ flaky       failure         1   1.0 s                   exit code 7 (not required)",
        "· deploy      skipped                                     'unit tests' did not succeed",
        "",
    ]


def test_plain_ascii() -> None:
    shown = told(FAILED, TerminalCapabilities(unicode=False))
    assert "  | line 29\n" in shown
    assert "+ lint" in shown
    assert "x unit tests" in shown
    assert ". deploy" in shown


def test_with_colours_the_text_is_the_same() -> None:
    shown = told(FAILED, TerminalCapabilities(colour=True))
    assert shown != told(FAILED)
    stripped = re.sub(r"\x1b\[[0-9;]*m", "", shown)
    assert [line.rstrip() for line in stripped.split("\n")] == told(FAILED).split("\n")


def test_success() -> None:
    shown = told([JobFinished(job(LINT, result("b"), took=3))])
    assert shown.startswith("\njob 'ci' succeeded in 3.0 s\n\n  step")
    assert "last line" not in shown


def masked(step: str, *counts: tuple[str, int]) -> Masked:
    return Masked(step, MaskReport(tuple(RuleCount(rule, "raw", marks, 8 * marks) for rule, marks in counts), 900, 800))


def test_what_was_masked_in_all_steps() -> None:
    events = [masked("lint", ("DEPLOY_TOKEN", 2)), masked("b", ("registered at run time", 3), ("DEPLOY_TOKEN", 10))]
    finished = JobFinished(job(LINT, result("b")))
    shown = told([*events, finished])
    assert shown == told([finished]) + "\nmasked 15 times: DEPLOY_TOKEN 12, registered at run time 3\n"


def test_many_rules_are_one_line() -> None:
    event = masked("lint", *((f"SECRET\n{number}", 1) for number in range(1000)))
    last = told([event, JobFinished(job(LINT))]).split("\n")[-2]
    assert last.startswith("masked 1000 times: SECRET 0 1, ")
    assert len(last) <= 200


def test_a_job_that_was_stopped() -> None:
    stopped = JobResult("ci", 143, "stopped by SIGTERM", (result("a", "cancelled", 143, "stopped by SIGTERM"), DEPLOY))
    assert told([JobFinished(stopped)]).startswith("\njob 'ci' failed: stopped by SIGTERM\n\n")


def test_one_step_that_the_console_told_all_about() -> None:
    assert told([masked("build", ("TOKEN", 1)), *one_step([b"x\n"])], console_told=True) == ""
    failed = result("build", "failure", 3, "exit code 3")
    events: list[Event] = [*one_step([b"x\n"])[:3], StepFinished(failed), JobFinished(job(failed))]
    assert told(events, console_told=True) == "runnerlib: the full log is artifacts/logs/build.log\n"
    assert "its last line:\n  │ x\n" in told(events)


def test_a_job_that_named_its_steps_badly() -> None:
    evil = result("a\x1b[2J\tb", "failure", 1, "no\nlines\x07")
    shown = told([StepStarted(evil.name, "x"), StepFinished(evil), JobFinished(job(evil, name="j\nk"))])
    assert shown.startswith("\njob 'j k' failed after 1m 12s: step 'a\\x1b[2J b': no lines\\x07\n")


names = st.text(st.sampled_from("ab ü日😀e\u0301\u200b"), min_size=1, max_size=50)
usages = st.none() | st.builds(Usage, st.floats(0, 1e6), st.floats(0, 1e6), st.integers(0, 1 << 45))
steps = st.lists(
    st.builds(
        StepResult,
        names,
        st.sampled_from(["success", "failure", "cancelled", "skipped"]),
        st.just(1),
        st.just("REASON"),
        attempts=st.integers(0, 1000),
        started=st.just(EPOCH),
        ended=st.floats(EPOCH, EPOCH + 1e6),
        usage=usages,
    ),
    min_size=1,
    max_size=6,
)


@given(steps)
def test_the_table_is_aligned(steps: list[StepResult]) -> None:
    shown = told([JobFinished(JobResult("ci", 1, "", tuple(steps), EPOCH, EPOCH + 1))])
    rows = shown.split("\n")[-len(steps) - 2 : -1]
    assert {columns(row[: re.search("reason|REASON", row).start()]) for row in rows} == {  # type: ignore[union-attr]
        columns(rows[0]) - len("reason")
    }


@given(outputs)
def test_no_output_moves_the_cursor(data: bytes) -> None:
    failed = result("build", "failure", 1, "exit code 1")
    events: list[Event] = [*one_step([data])[:3], StepFinished(failed), JobFinished(job(failed))]
    shown = told(events)
    assert all(char == "\n" or unicodedata.category(char) not in {"Cc", "Cs"} for char in shown.replace("\t", ""))
    assert len(shown.split("\n")) <= 30


def test_long_output_is_not_kept() -> None:
    summary = Summary(lambda _text: None, TerminalCapabilities())
    for _ in range(100):
        summary.observe(StepOutput("a", bytes(100_000)))
    assert sum(map(len, summary._tails.values())) < 20_000


@pytest.mark.parametrize(
    ("width", "shown"),
    [
        (75, ["step 'test': the first of", "several"]),
        (0, ["step 'test': the first of several"]),
        (60, ["step 'test': the first of several"]),
    ],
)
def test_long_reasons_stay_in_their_column(monkeypatch: pytest.MonkeyPatch, width: int, shown: list[str]) -> None:
    """Unless it would be too narrow; and nothing is wrapped where no terminal is."""
    monkeypatch.setattr(os, "get_terminal_size", lambda _descriptor: os.terminal_size((width, 24)))
    step = StepResult("a", "skipped", 0, "step 'test': the first of several", "condition")
    lines = [*Summary(lambda _text: None, TerminalCapabilities(terminal=True)).table([step])][1:]
    at = lines[0].index("step")
    assert [line[at:] for line in lines] == shown
    assert all(not line[:at].strip() for line in lines[1:])


def test_the_columns_are_a_table(monkeypatch: pytest.MonkeyPatch) -> None:
    """A column is one row of the table: it is there with its heading, and everything else stays in line."""
    more = (*summary_module._FIGURES, summary_module.Column("ends in", lambda step: step.name[-1]))
    monkeypatch.setattr(summary_module, "_FIGURES", more)
    steps = [StepResult("ab", "success", 0, attempts=1), StepResult("abc", "failure", 1, "exit code 1", attempts=2)]
    heading, first, second = Summary(lambda _text: None, TerminalCapabilities()).table(steps)
    assert heading.split() == ["step", "outcome", "attempts", "time", "CPU", "max", "RSS", "ends", "in", "reason"]
    at = heading.index("ends in") + len("ends in") - 1
    assert (first[at], second[at]) == ("b", "c")
    assert second[heading.index("reason") :] == "exit code 1"
