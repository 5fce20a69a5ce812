"""docs/output.md shows what is shown."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from runnerlib.events import JobFinished, JobStarted, Masked, StepFinished, StepOutput, StepStarted
from runnerlib.events.result import Usage
from runnerlib.masking.report import MaskReport, RuleCount
from runnerlib.output import MODES
from runnerlib.output.capabilities import TerminalCapabilities
from runnerlib.output.log.file_names import LogNames
from runnerlib.output.modes.json_lines import Encoder
from runnerlib.output.modes.prefixed import Prefixed
from runnerlib.output.summary import Summary, Ways
from tests.output.show import EPOCH, job, result, shown
from tests.output.test_json_lines import validator

PAGE = (Path(__file__).parents[2] / "docs" / "output.md").read_text(encoding="utf-8")
BLOCKS = [
    re.sub(r"^    ", "", block, flags=re.MULTILINE).rstrip("\n")
    for block in re.findall(r"(?:^    .*\n|^\n(?=    ))+", PAGE, re.MULTILINE)
]


def block(start: str) -> list[str]:
    return next(found.strip("\n").split("\n") for found in BLOCKS if found.strip("\n").startswith(start))


def test_every_mode_is_described() -> None:
    assert set(re.findall(r"^\| `(\w+)` \| .* \| .* \|$", PAGE, re.MULTILINE)) >= set(MODES)


def test_the_prefixed_example() -> None:
    events = [
        JobStarted("ci", {"build": (), "tests": ()}),
        StepOutput("build", b"cc -c main.c\n"),
        StepStarted("tests", "pytest -q"),
        StepOutput("tests", b"26 passed\n"),
        StepFinished(result("tests", took=4.6)),
    ]
    assert shown(lambda streams: Prefixed(streams, TerminalCapabilities()), events)[0].decode().split("\n")[
        :-1
    ] == block("build │")


def test_the_summary_example() -> None:
    said: list[bytes] = []
    ways = Ways(LogNames("job/artifacts").path, lambda _width: ["runnerlib run --job-file job.yaml --resume"])
    summary = Summary(said.append, TerminalCapabilities(), ways)
    steps = (
        result("build", took=3.8, usage=Usage(12.7, 1.1, 845 << 20)),
        result("tests", "failure", 1, "exit code 1", attempts=2, took=5.1, usage=Usage(4.5, 0.2, 88 << 20)),
        result("deploy", "skipped", 0, "'tests' did not succeed", attempts=0),
    )
    summary.observe(StepOutput("tests", b"E   assert 2 == 1\n1 failed, 25 passed in 4.61s\n"))
    counts = RuleCount("DEPLOY_TOKEN", "raw", 3, 90), RuleCount("registered at run time", "base64", 1, 44)
    summary.observe(Masked("tests", MaskReport(counts, 4000, 3900, 0)))
    summary.observe(JobFinished(job(*steps)))
    assert said[0].decode().strip("\n").split("\n") == block("  step ")


def test_the_events_example() -> None:
    lines = block('{"v":1')
    for line in lines:
        validator().validate(json.loads(line))
    encoder = Encoder(lambda: EPOCH + 0.25)
    events = [
        JobStarted("ci", {"build": (), "tests": ("build",)}),
        StepStarted("build", "make"),
        StepOutput("build", b"cc -c main.c\n\xff"),
    ]
    assert b"".join(map(encoder.encode, events)).decode().split("\n")[:-1] == lines[:-1]


@pytest.mark.parametrize(
    "kind", ["notice", "warning", "job_started", "step_output", "step_retrying", "masked", "job_finished"]
)
def test_every_kind_is_named(kind: str) -> None:
    assert f"`{kind}`" in PAGE
