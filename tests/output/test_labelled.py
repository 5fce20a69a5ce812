"""People read the values of a matrix; logs and programs keep the names."""

from __future__ import annotations

from runnerlib.events import (
    Event,
    JobFinished,
    JobStarted,
    Notice,
    StepFinished,
    StepOutput,
    StepRetrying,
    StepStarted,
    Warned,
)
from runnerlib.output.capabilities import TerminalCapabilities
from runnerlib.output.labelled import Labelled
from runnerlib.output.log.file_names import LogNames
from runnerlib.output.modes.json_lines import Encoder
from runnerlib.output.modes.prefixed import Prefixed
from runnerlib.output.streams import Streams
from runnerlib.output.truncate import Truncate
from tests.output.show import job, result, shown

LABELS = {"test[0]": "test (linux)", "test[1]": "test (macos)"}
ENDED = result("test[1]", "failure", 3, "exit code 3")
EVENTS: list[Event] = [
    JobStarted("flow", {"build": (), "test[0]": ("build",), "test[1]": ("build",)}, LABELS),
    StepStarted("test[1]", "make"),
    StepOutput("test[1]", b"x\n"),
    Warned("beware", "test[1]"),
    Notice("test (linux): fetching"),
    StepRetrying("test[1]", 1, "exit code 1", 2.0),
    StepStarted("test[1]", "make", 2),
    StepOutput("test[1]", b"0123456789\n" * 3),
    StepFinished(ENDED),
    JobFinished(job(ENDED)),
]


def test_a_console_has_the_labels_and_logs_the_names() -> None:
    def make(streams: Streams) -> Truncate:
        return Truncate(Labelled(Prefixed(streams, TerminalCapabilities())), head=5, tail=5, path=LogNames().path)

    lines = shown(make, EVENTS)[0].decode().split("\n")
    assert lines == [
        "test (macos) » $ make",
        "test (macos) │ x",
        "test (macos) » warning: beware",
        "runnerlib: test (linux): fetching",
        "test (macos) » attempt 1 failed: exit code 1; the next one follows in 2.0 s",
        "test (macos) » $ make  (attempt 2)",
        "test (macos) │ 0123456789",
        "test (macos) │ … 17 bytes left out; the full log is artifacts/logs/test+1.log …",
        "test (macos) │ 6789",
        "test (macos) » failed after 1.0 s: exit code 3",
        "",
    ]


def test_events_for_programs_have_the_names() -> None:
    encoder = Encoder(lambda: 0.0)
    assert b"macos" not in b"".join(encoder.encode(event) for event in EVENTS)
