"""The console: the job on stdout, the runner on stderr."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

from runnerlib.console import Console

from runnerlib.events import Event, Notice, StepFinished, StepOutput, StepStarted, Warned

EVENTS: list[Event] = [
    Notice("cloning"),
    Warned("beware"),
    StepStarted("job", "make"),
    StepOutput("job", b"\xff\0no newline"),
    StepOutput("job", b"more"),
    StepFinished("job", 3, "exit code 3"),
    StepFinished("job", 0, ""),
]


def test_two_targets(tmp_path: Path) -> None:
    with (tmp_path / "out").open("wb") as out, (tmp_path / "err").open("wb") as err:
        console = Console(out.fileno(), err.fileno())
        for event in EVENTS:
            console.observe(event)
        console.close()
    assert (tmp_path / "out").read_bytes() == b"\xff\0no newlinemore"
    assert (tmp_path / "err").read_text() == (
        "runnerlib: cloning\nrunnerlib: warning: beware\nrunnerlib: $ make\nrunnerlib: failed: exit code 3\n"
    )


def test_names_that_others_chose_move_no_cursor(tmp_path: Path) -> None:
    with (tmp_path / "err").open("wb") as err:
        console = Console(err.fileno(), err.fileno())
        console.observe(Warned("process 7 (\x1b[2Jevil\r\udcff\t\u202e)"))
        console.close()
    assert (tmp_path / "err").read_text() == "runnerlib: warning: process 7 (\\x1b[2Jevil\\r\\udcff\t\\u202e)\n"


def test_one_target_keeps_the_order_even_when_it_is_full() -> None:
    reader, writer = os.pipe()
    other = os.dup(writer)
    expected = b"x" * 2_000_000 + b"runnerlib: last\n"

    async def main() -> bytes:
        console = Console(writer, other)
        console.observe(StepOutput("job", expected[:2_000_000]))
        assert console.congested
        console.observe(Notice("last"))
        got = asyncio.create_task(asyncio.to_thread(_read, reader, len(expected)))
        await console.drain()
        console.close()
        return await got

    assert asyncio.run(main()) == expected
    for fd in (reader, writer, other):
        os.close(fd)


def _read(fd: int, size: int) -> bytes:
    data = b""
    while len(data) < size:
        data += os.read(fd, size)
    return data


def test_giving_up_counts_what_is_lost() -> None:
    reader, writer = os.pipe()

    async def main() -> None:
        console = Console(writer, writer)
        console.observe(StepOutput("job", bytes(3_000_000)))
        assert 0 < console.give_up() < 3_000_000
        assert not console.congested
        console.close()

    asyncio.run(main())
    os.close(reader)
    os.close(writer)
