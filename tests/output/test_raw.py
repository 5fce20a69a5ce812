"""Raw: the job on stdout, byte for byte, the runner on stderr."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable

from hypothesis import given

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
from runnerlib.output.modes.raw import Raw, console
from runnerlib.output.streams import Streams, streams
from tests.output.show import cut, cuts, job, one_step, outputs, result, shown

NewLoop = Callable[[], asyncio.AbstractEventLoop]


def raw(streams: Streams) -> Raw:
    return console(streams, TerminalCapabilities())


@given(outputs, cuts)
def test_stdout_is_the_output(data: bytes, places: list[int]) -> None:
    assert shown(raw, one_step(cut(data, places))) == (data, b"runnerlib: $ make\n")


def test_a_job_of_one_step_needs_no_names() -> None:
    failed = result("build", "failure", 3, "exit code 3")
    events: list[Event] = [
        Notice("cloning"),
        Warned("beware"),
        JobStarted("job", {"build": ()}),
        StepStarted("build", "make"),
        StepOutput("build", b"\xff\0no newline"),
        Warned("process 7 (sleep) holds the output open", "build"),
        StepFinished(failed),
        JobFinished(job(failed)),
    ]
    assert shown(raw, events) == (
        b"\xff\0no newline",
        (
            b"runnerlib: cloning\nrunnerlib: warning: beware\nrunnerlib: $ make\n"
            b"runnerlib: warning: process 7 (sleep) holds the output open\nrunnerlib: failed: exit code 3\n"
        ),
    )


def test_a_job_of_several_steps_names_them() -> None:
    events: list[Event] = [
        JobStarted("job", {"a": (), "b": ("a",), "c": ()}),
        StepStarted("a", "false"),
        StepRetrying("a", 1, "exit code 1", 0.5),
        StepStarted("a", "false", 2),
        Warned("beware", "a"),
        Warned("in general"),
        StepFinished(result("a", "failure", 1, "exit code 1", attempts=2)),
        StepFinished(result("b", "skipped", 0, "'a' did not succeed", attempts=0)),
        StepFinished(result("c", "failure", 1, "exit code 1", required=False)),
    ]
    assert shown(raw, events)[1].decode().split("runnerlib: ")[1:] == [
        "a: $ false\n",
        "a: attempt 1 failed: exit code 1; the next one follows in 0.5 s\n",
        "a: $ false  (attempt 2)\n",
        "a: warning: beware\n",
        "warning: in general\n",
        "a: failed: exit code 1\n",
        "b: skipped: 'a' did not succeed\n",
        "c: failed: exit code 1 (the job does not require it)\n",
    ]


def test_names_that_others_chose_move_no_cursor() -> None:
    got = shown(raw, [Warned("process 7 (\x1b[2Jevil\r\udcff\t\u202e)")])[1]
    assert got == b"runnerlib: warning: process 7 (\\x1b[2Jevil\\r\\udcff \\u202e)\n"


def test_one_target_keeps_the_order_even_when_it_is_full(new_loop: NewLoop) -> None:
    reader, writer = os.pipe()
    other = os.dup(writer)
    expected = b"x" * 2_000_000 + b"runnerlib: last\n"

    async def main() -> bytes:
        console = raw(streams(writer, other))
        console.observe(StepOutput("job", expected[:2_000_000]))
        assert console.congested
        console.observe(Notice("last"))
        got = asyncio.create_task(asyncio.to_thread(_read, reader, len(expected)))
        await console.drain()
        console.close()
        return await got

    with asyncio.Runner(loop_factory=new_loop) as loop:
        assert loop.run(main()) == expected
    for fd in (reader, writer, other):
        os.close(fd)


def _read(fd: int, size: int) -> bytes:
    data = b""
    while len(data) < size:
        data += os.read(fd, size)
    return data


def test_giving_up_counts_what_is_lost(new_loop: NewLoop) -> None:
    reader, writer = os.pipe()

    async def main() -> None:
        console = raw(streams(writer, writer))
        console.observe(StepOutput("job", bytes(3_000_000)))
        assert 0 < console.give_up() < 3_000_000
        assert not console.congested
        console.close()

    with asyncio.Runner(loop_factory=new_loop) as loop:
        loop.run(main())
    os.close(reader)
    os.close(writer)
