"""Output of a console: drive it with events and read its two descriptors; a screen to look at."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from itertools import pairwise

from hypothesis import strategies as st

from runnerlib.events import Event, JobFinished, JobStarted, StepFinished, StepOutput, StepStarted
from runnerlib.events.result import Cause, JobResult, Outcome, StepResult, Usage
from runnerlib.output.protocol import Console
from runnerlib.output.streams import Streams, streams

EPOCH = 1_800_000_000.0

# Output of steps: whatever a program may write, with what matters here more often than chance would bring it.
pieces = st.one_of(
    st.binary(max_size=12),
    st.text(max_size=8).map(lambda text: text.encode(errors="replace")),
    st.sampled_from(
        [b"\n", b"\r", b"\r\n", b"\x1b", b"\x1b[31m", b"\x1b[0m", b"\x1b[2J", b"\x1b[1;4", b"\x1b]0;t", b"\x07", b"\0"]
        + ["ü€😀".encode()[:cut] for cut in range(10)]
        + [b"::endgroup::", b"##[endgroup]", b"##vso[task.setvariable variable=x]y", b"--- x", b"+++ x", b"\xc2\x9b"]
        + [b"section_end:1:runnerlib_step_1\r\x1b[0K"]
    ),
)
outputs = st.lists(pieces, max_size=20).map(b"".join)


def cut(data: bytes, places: Iterable[int]) -> list[bytes]:
    """`data` in chunks that end at `places`."""
    ends = sorted({0, len(data), *(place % (len(data) + 1) for place in places)})
    return [data[start:end] for start, end in pairwise(ends)]


cuts = st.lists(st.integers(min_value=0), max_size=6)


def result(
    name: str,
    outcome: Outcome = "success",
    exit_code: int = 0,
    reason: str = "",
    *,
    cause: Cause = "",
    attempts: int = 1,
    took: float = 1.0,
    usage: Usage | None = None,
    required: bool = True,
) -> StepResult:
    started = EPOCH if attempts else 0.0
    ended = EPOCH + took if attempts else 0.0
    return StepResult(name, outcome, exit_code, reason, cause, attempts, started, ended, usage=usage, required=required)


def job(*steps: StepResult, name: str = "ci", took: float = 72.0) -> JobResult:
    failed = next((step for step in steps if step.required and not step.success and step.exit_code), None)
    code, reason = (failed.exit_code, failed.reason) if failed else (0, "")
    return JobResult(name, code, reason, steps, EPOCH, EPOCH + took)


def one_step(chunks: Iterable[bytes], name: str = "build") -> list[Event]:
    """A job of one step that writes `chunks` and succeeds."""
    done = result(name)
    return [
        JobStarted("ci", {name: ()}),
        StepStarted(name, "make"),
        *(StepOutput(name, chunk) for chunk in chunks),
        StepFinished(done),
        JobFinished(job(done)),
    ]


def shown(make: Callable[[Streams], Console], events: Iterable[Event]) -> tuple[bytes, bytes]:
    """Return what a console writes to stdout and stderr."""
    out, err = os.memfd_create("out"), os.memfd_create("err")
    try:
        console = make(streams(out, err))
        for event in events:
            console.observe(event)
        console.close()
        return contents(out), contents(err)
    finally:
        os.close(out)
        os.close(err)


def contents(fd: int) -> bytes:
    return os.pread(fd, os.fstat(fd).st_size, 0)
