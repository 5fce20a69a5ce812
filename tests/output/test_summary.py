"""The summary: a table that fits, the last lines of what failed, and the verdict as the last thing on the screen."""

from __future__ import annotations

import asyncio
import os
import re
import unicodedata
from collections.abc import Sequence
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runnerlib.events import (
    Event,
    JobFinished,
    JobStarted,
    Masked,
    StepFinished,
    StepOutput,
    StepRetrying,
    StepStarted,
    WorkflowFinished,
    WorkflowJobFinished,
)
from runnerlib.events.result import JobResult, StepResult, Usage, WorkflowResult
from runnerlib.masking.report import MaskReport, RuleCount
from runnerlib.output import table as table_module
from runnerlib.output.capabilities import TerminalCapabilities
from runnerlib.output.failure_tails import FailureTails
from runnerlib.output.log.file_names import LogNames
from runnerlib.output.summary import Summary, Ways
from runnerlib.output.table import chosen, table
from runnerlib.output.text.columns import columns
from runnerlib.output.workflow_summary import JobsSummary
from tests.output.show import EPOCH, job, one_step, outputs, result

PLAIN = TerminalCapabilities()
WIDE = TerminalCapabilities(sized=True)


def resumed(width: int) -> list[str]:
    assert width == 0 or width > 8
    return ["runnerlib run --resume"]


WAYS = Ways(LogNames().path, resumed)


def told(
    events: Sequence[Event],
    look: TerminalCapabilities = PLAIN,
    *,
    console_told: bool = False,
    ways: Ways = WAYS,
    made: type[Summary] = Summary,
) -> str:
    said: list[bytes] = []
    summary = made(said.append, look, ways, console_told=console_told)
    for event in events:
        summary.observe(event)
    assert not summary.congested
    asyncio.run(summary.drain())
    assert summary.give_up() == 0
    summary.close()
    return b"".join(said).decode()


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The width of the terminal, to be set."""
    width = [80]
    monkeypatch.setattr(os, "get_terminal_size", lambda _descriptor: os.terminal_size((width[0], 24)))
    return width


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


def test_the_end_is_the_verdict() -> None:
    assert told(FAILED).split("\n") == [
        "",
        "  step        outcome    time  attempts     CPU  max RSS  reason",
        "✓ lint        success   1.0 s         1   0.8 s   45 MiB",
        "✗ unit tests  failure  1m 05s         2  1m 03s  1.5 GiB  exit code 1",
        "✗ flaky       failure   1.0 s         1                   exit code 7 (not required)",
        "· deploy      skipped                                     'unit tests' did not succeed",
        "",
        "✗ unit tests: exit code 1",
        *(f"  │ line {number}" for number in range(12, 30)),
        "  │ 100%",
        "  │ last \N{REPLACEMENT CHARACTER}^@",
        "  artifacts/logs/unit_tests.log",
        "",
        "✗ flaky: exit code 7",
        "  │ flaky",
        "  artifacts/logs/flaky.log",
        "",
        "✗ job 'ci' failed after 1m 12s at 'unit tests': 1 failed, 1 failed but not required, 1 passed, 1 skipped",
        "  logs:  artifacts/logs/",
        "  go on: runnerlib run --resume",
        "",
    ]


def test_of_one_failure_the_log_is_in_the_verdict_alone() -> None:
    failed = result("build", "failure", 3, "exit code 3")
    events = [*one_step([b"x\n"])[:3], StepFinished(failed), JobFinished(job(failed))]
    assert told(events).split("\n")[3:] == [
        "",
        "✗ build: exit code 3",
        "  │ x",
        "",
        "✗ job 'ci' failed after 1m 12s at 'build': 1 failed",
        "  log:   artifacts/logs/build.log",
        "  go on: runnerlib run --resume",
        "",
    ]


def test_a_summary_without_ways_on() -> None:
    assert told(FAILED, ways=Ways()).endswith("1 passed, 1 skipped\n")
    assert "artifacts" not in told(FAILED, ways=Ways())


SNAPSHOTS = {
    40: """
  step             outcome    time
✓ lint             success   1.0 s
✗ unit tests       failure  1m 05s
    exit code 1
✗ flaky            failure   1.0 s
    exit code 7 (not required)
✓ 構築とテストと…  success   2.0 s
· deploy           skipped
    'unit tests' did not succeed

✗ unit tests: exit code 1
  │ a line that is much too long for the
  │ terminal, with
  │ averyveryverylongwordthatgoesonando…
  │ nandonandonandonandonandon
  │ 日本語の出力がここにあります。これは
  │ 端末の幅を超える

✗ flaky: exit code 7

✗ job 'ci' failed after 1m 12s at 'unit
  tests': 1 failed, 1 failed but not
  required, 2 passed, 1 skipped
  log:   artifacts/logs/unit_tests.log
  go on: runnerlib run --resume
""",
    80: """
  step                outcome    time  attempts     CPU  reason
✓ lint                success   1.0 s         1   0.8 s
✗ unit tests          failure  1m 05s         2  1m 03s  exit code 1
✗ flaky               failure   1.0 s         1          exit code 7 (not
                                                         required)
✓ 構築とテストと配備  success   2.0 s         1
· deploy              skipped                            'unit tests' did not
                                                         succeed

✗ unit tests: exit code 1
  │ a line that is much too long for the terminal, with
  │ averyveryverylongwordthatgoesonandonandonandonandonandonandon
  │ 日本語の出力がここにあります。これは端末の幅を超える

✗ flaky: exit code 7

✗ job 'ci' failed after 1m 12s at 'unit tests': 1 failed, 1 failed but not
  required, 2 passed, 1 skipped
  log:   artifacts/logs/unit_tests.log
  go on: runnerlib run --resume
""",
    160: """
  step                outcome    time  attempts     CPU  max RSS  reason
✓ lint                success   1.0 s         1   0.8 s   45 MiB
✗ unit tests          failure  1m 05s         2  1m 03s  1.5 GiB  exit code 1
✗ flaky               failure   1.0 s         1                   exit code 7 (not required)
✓ 構築とテストと配備  success   2.0 s         1
· deploy              skipped                                     'unit tests' did not succeed

✗ unit tests: exit code 1
  │ a line that is much too long for the terminal, with averyveryverylongwordthatgoesonandonandonandonandonandonandon
  │ 日本語の出力がここにあります。これは端末の幅を超える

✗ flaky: exit code 7

✗ job 'ci' failed after 1m 12s at 'unit tests': 1 failed, 1 failed but not required, 2 passed, 1 skipped
  log:   artifacts/logs/unit_tests.log
  go on: runnerlib run --resume
""",
}


@pytest.mark.parametrize("width", SNAPSHOTS)
@pytest.mark.parametrize("look", [WIDE, WIDE._replace(colour=True, terminal=True), WIDE._replace(unicode=False)])
def test_it_fits_the_terminal(terminal: list[int], width: int, look: TerminalCapabilities) -> None:
    """With and without colours, and without Unicode, where the text is the same but for marks."""
    terminal[0] = width
    long = b"a line that is much too long for the terminal, with averyveryverylongwordthatgoeson" + b"andon" * 6
    events: list[Event] = [
        StepOutput("unit tests", long + "\n日本語の出力がここにあります。これは端末の幅を超える\n".encode()),
        StepFinished(TEST),
        JobFinished(job(LINT, TEST, FLAKY, result("構築とテストと配備", took=2), DEPLOY)),
    ]
    shown = re.sub(r"\x1b\[[0-9;]*m", "", told(events, look))
    assert shown == look.plain(SNAPSHOTS[width])


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
    assert shown.startswith("\n  step")
    assert shown.endswith("\n\n✓ job 'ci' succeeded in 3.0 s: 2 passed\n")


def masked(step: str, *counts: tuple[str, int]) -> Masked:
    return Masked(step, MaskReport(tuple(RuleCount(rule, "raw", marks, 8 * marks) for rule, marks in counts), 900, 800))


def test_what_was_masked_in_all_steps() -> None:
    events = [masked("lint", ("DEPLOY_TOKEN", 2)), masked("b", ("registered at run time", 3), ("DEPLOY_TOKEN", 10))]
    finished = JobFinished(job(LINT, result("b")))
    before, _, after = told([finished]).rpartition("\n\n")
    line = "masked 15 times: DEPLOY_TOKEN 12, registered at run time 3"
    assert told([*events, finished]) == f"{before}\n\n{line}\n\n{after}"


def test_many_rules_are_one_line() -> None:
    event = masked("lint", *((f"SECRET\n{number}", 1) for number in range(1000)))
    line = told([event, JobFinished(job(LINT))]).split("\n")[-4]
    assert line.startswith("masked 1000 times: SECRET 0 1, ")
    assert len(line) <= 200


def test_a_job_that_was_stopped_has_not_failed() -> None:
    stopped = result("a", "cancelled", 143, "stopped by SIGTERM")
    left = result("b", "cancelled", 0, "stopped by SIGTERM", attempts=0)
    shown = told(
        [StepOutput("a", b"x\n"), JobFinished(JobResult("ci", 143, "stopped by SIGTERM", (LINT, stopped, left)))]
    )
    assert shown.endswith(
        "\n\n! job 'ci' interrupted by SIGTERM: 2 cancelled, 1 passed\n  go on: runnerlib run --resume\n"
    )
    assert "fail" not in shown


def test_a_job_that_was_stopped_after_a_failure() -> None:
    stopped = JobResult("ci", 130, "stopped by SIGINT", (TEST, result("a", "cancelled", 130, "stopped by SIGINT")))
    assert "! job 'ci' interrupted by SIGINT: 1 failed, 1 cancelled\n" in told([JobFinished(stopped)])


def test_a_step_that_ended_as_if_stopped_has_failed() -> None:
    killed = result("a", "failure", 143, "killed by SIGTERM", cause="signal")
    shown = told([JobFinished(JobResult("ci", 143, "step 'a': killed by SIGTERM", (killed,)))])
    assert "✗ job 'ci' failed at 'a': 1 failed\n" in shown


def test_a_job_that_failed_by_no_step() -> None:
    over = JobResult("ci", 125, "its follow-up jobs could not be told of", (LINT,))
    assert "✗ job 'ci' failed (its follow-up jobs could not be told of): 1 passed\n" in told([JobFinished(over)])


def test_what_is_reused_is_counted() -> None:
    steps = [result("a", cause="restored", attempts=0), result("b"), DEPLOY]
    assert told([JobFinished(job(*steps))]).endswith(": 1 passed, 1 reused, 1 skipped\n")


def test_one_step_that_the_console_told_all_about() -> None:
    assert told([masked("build", ("TOKEN", 1)), *one_step([b"x\n"])], console_told=True) == ""
    failed = result("build", "failure", 3, "exit code 3")
    events: list[Event] = [*one_step([b"x\n"])[:3], StepFinished(failed), JobFinished(job(failed))]
    assert told(events, console_told=True) == "runnerlib: the full log is artifacts/logs/build.log\n"
    assert "✗ build: exit code 3\n  │ x\n" in told(events)


def test_a_job_that_named_its_steps_badly() -> None:
    evil = result("a\x1b[2J\tb", "failure", 1, "no\nlines\x07")
    shown = told([StepStarted(evil.name, "x"), StepFinished(evil), JobFinished(job(evil, name="j\nk"))])
    assert shown.count("✗ a\\x1b[2J b") == 2
    assert "\n✗ job 'j k' failed after 1m 12s at 'a\\x1b[2J b': 1 failed\n" in shown
    assert "no lines\\x07" in shown


def test_runs_of_a_matrix_are_known_by_their_values() -> None:
    labels = {"test[3]": "test (macos, 3.12)", "test[3]/lint": "test (macos, 3.12)/lint"}
    step = result("test[3]/lint", "failure", 1, "exit code 1")
    jobs = (result("build"), result("test[3]", "failure", 1, "exit code 1"))
    events: list[Event] = [
        JobStarted("flow", {"build": (), "test[3]/lint": ()}, labels),
        StepOutput("test[3]/lint", b"E1\n"),
        StepFinished(step),
        WorkflowJobFinished(jobs[1]),
        JobFinished(JobResult("flow", 1, "job 'test[3]': exit code 1", (step,), EPOCH, EPOCH + 2)),
        WorkflowFinished(WorkflowResult("flow", 1, "job 'test[3]': exit code 1", jobs, EPOCH, EPOCH + 2)),
    ]
    shown = told(events, made=JobsSummary)
    assert shown == (
        "\n"
        "  job                 outcome   time  reason\n"
        "✓ build               success  1.0 s\n"
        "✗ test (macos, 3.12)  failure  1.0 s  exit code 1\n"
        "\n"
        "✗ test (macos, 3.12)/lint: exit code 1\n"
        "  │ E1\n"
        "\n"
        "✗ workflow 'flow' failed after 2.0 s at 'test (macos, 3.12)': 1 failed, 1 passed\n"
        "  log:   artifacts/logs/test+3+lint.log\n"
        "  go on: runnerlib run --resume\n"
    )


def many(count: int, *failed: int) -> list[StepResult]:
    steps = [result(f"s{number}", took=float(number % 7)) for number in range(count)]
    for number in failed:
        steps[number] = result(f"s{number}", "failure", 3, "exit code 3")
    return steps


def test_a_long_table_has_what_failed_and_what_was_slow() -> None:
    assert chosen(many(20)) == many(20)
    shown = ["s5", "s6", "s7", "s12", "s13", "s19", "s20", "s23", "s27", "s34"]
    assert [step.name for step in chosen(many(40, 7, 23))] == shown
    rows = told([JobFinished(job(*many(40, 7, 23)))]).split("\n")
    assert "  … 30 not shown: 30 passed" in rows
    assert sum(row.startswith(("✓ s", "✗ s")) and ":" not in row for row in rows) == 10


def test_of_many_failures_a_bounded_number_is_shown() -> None:
    steps = many(300, *range(200))
    events: list[Event] = []
    for step in steps:
        events += [StepOutput(step.name, b"x\n" * 100), StepFinished(step)]
    shown = told([*events, JobFinished(job(*steps))])
    assert len(shown.split("\n")) < 400
    assert "257 not shown: 160 failed, 97 passed" in shown
    assert "… 160 more have failed" in shown
    assert "200 failed, 100 passed" in shown


names = st.text(st.sampled_from("ab ü日😀e\u0301\u200b"), min_size=1, max_size=50)
usages = st.none() | st.builds(Usage, st.floats(0, 1e6), st.floats(0, 1e6), st.integers(0, 1 << 45))
reasons = st.lists(st.sampled_from(["exit", "code", "日本語", "Z" * 60, "'a'"]), max_size=12).map(" ".join)
results = st.builds(
    StepResult,
    names,
    st.sampled_from(["success", "failure", "cancelled", "skipped"]),
    st.just(1),
    reasons,
    attempts=st.integers(0, 1000),
    started=st.just(EPOCH),
    ended=st.floats(EPOCH, EPOCH + 1e6),
    usage=usages,
    required=st.booleans(),
)
few = st.lists(results, min_size=1, max_size=5, unique_by=lambda step: step.name)


def copies(steps: list[StepResult], count: int) -> list[StepResult]:
    return [step._replace(name=f"{step.name}{'#' * number}") for number in range(count) for step in steps]


steps = st.builds(copies, few, st.integers(1, 9))
lines = st.lists(st.sampled_from(["word", "Z" * 90, "日本語", "\t", "e\u0301", "  ", "😀", "\n"]), max_size=30)


@given(few)
def test_the_table_is_aligned(steps: list[StepResult]) -> None:
    """Every reason begins in its column, behind figures that end where their headings do."""
    heading, *rows = table([step._replace(reason="REASON") for step in steps], PLAIN)
    at = columns(heading) - len("reason")
    assert {columns(row[: row.index("REASON")]) for row in rows} == {at}


@settings(deadline=None, max_examples=60)
@given(steps, lines, st.sampled_from([20, 40, 80, 160]) | st.integers(16, 200))
def test_every_line_fits_and_no_word_is_cut_unmarked(steps: list[StepResult], wrote: list[str], width: int) -> None:
    text = " ".join(wrote)
    events: list[Event] = [StepOutput(step.name, text.encode()) for step in steps]
    events += map(StepFinished, steps)
    look = TerminalCapabilities(sized=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "get_terminal_size", lambda _descriptor: os.terminal_size((width, 24)))
        shown = told([*events, JobFinished(JobResult("ci", 1, "", tuple(steps), EPOCH, EPOCH + 1))], look, ways=Ways())
    for before, line in pairwise(shown.split("\n")):
        assert columns(line) <= width, line
        rest = line.removeprefix("  │ ").lstrip(" ")
        assert {len(word) for word in re.findall("Z+(?!…|Z)", rest)} <= {60, 90} or before.endswith("…")


@given(outputs)
def test_no_output_moves_the_cursor(data: bytes) -> None:
    failed = result("build", "failure", 1, "exit code 1")
    events: list[Event] = [*one_step([data])[:3], StepFinished(failed), JobFinished(job(failed))]
    shown = told(events)
    assert all(char == "\n" or unicodedata.category(char) not in {"Cc", "Cs"} for char in shown)
    assert len(shown.split("\n")) <= 32


def test_long_output_is_not_kept() -> None:
    tails = FailureTails()
    for number in range(200):
        for _ in range(3):
            tails.observe(StepOutput(f"s{number}", bytes(100_000)))
        tails.observe(StepFinished(result(f"s{number}", "failure", 1, "exit code 1")))
    assert sum(map(len, tails._kept.values())) < 1 << 20


@pytest.mark.parametrize(
    ("width", "shown"),
    [
        (75, ["step 'test': the first of several steps that did", "not succeed"]),
        (0, ["step 'test': the first of several steps that did not succeed"]),
    ],
)
def test_long_reasons_stay_in_their_column(terminal: list[int], width: int, shown: list[str]) -> None:
    terminal[0] = width
    step = StepResult("a", "skipped", 0, "step 'test': the first of several steps that did not succeed", "condition")
    lines = [*table([step, result("b")], WIDE)][1:-1]
    at = lines[0].index("step")
    assert [line[at:] for line in lines] == shown
    assert all(not line[:at].strip() for line in lines[1:])


def test_the_columns_are_a_table(monkeypatch: pytest.MonkeyPatch) -> None:
    """A column is one row of the table: it is there with its heading, and everything else stays in line."""
    more = (*table_module._FIGURES, table_module.Column("ends in", lambda step: step.name[-1]))
    monkeypatch.setattr(table_module, "_FIGURES", more)
    steps = [StepResult("ab", "success", 0, attempts=1), StepResult("abc", "failure", 1, "exit code 1", attempts=2)]
    heading, first, second = table(steps, PLAIN)
    assert heading.split() == ["step", "outcome", "attempts", "ends", "in", "reason"]
    at = heading.index("ends in") + len("ends in") - 1
    assert (first[at], second[at]) == ("b", "c")
    assert second[heading.index("reason") :] == "exit code 1"


def test_columns_that_say_nothing_are_left_out() -> None:
    assert [*table([result("a"), result("b")], PLAIN)] == [
        "  step  outcome   time",
        "✓ a     success  1.0 s",
        "✓ b     success  1.0 s",
    ]
