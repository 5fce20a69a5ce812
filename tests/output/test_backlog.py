"""The backlog: everything in order, at the reader's pace, little of it in memory."""

from __future__ import annotations

import asyncio
import errno
import os
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runnerlib.errors import OutputError
from runnerlib.output.modes.backlog import Backlog, SpooledOutput
from runnerlib.output.streams import Output
from tests.output.show import contents

NewLoop = Callable[[], asyncio.AbstractEventLoop]
LINE = b"0123456789abcde\n"


def spilled(data: bytes) -> SpooledOutput:
    spill = SpooledOutput()
    spill.write(data)
    return spill


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 10_000)), max_size=6))
def test_without_a_loop_all_is_written_at_once(items: list[tuple[bool, int]]) -> None:
    fd = os.memfd_create("out")
    out = Output(fd)
    backlog = Backlog(out, out.write)
    for later, count in items:
        if later:
            backlog.follow(spilled(LINE * count))
        else:
            backlog.write(LINE * count)
    assert contents(fd) == LINE * sum(count for _, count in items)
    assert not backlog.congested
    os.close(fd)


def test_a_spill_goes_to_an_unlinked_file_and_comes_back_in_whole_lines() -> None:
    spill = spilled(LINE * 200_000)
    unlinked = [name for fd in os.listdir("/proc/self/fd") if (name := _link(fd)).endswith(" (deleted)")]
    assert unlinked
    assert spill.left == 3_200_000
    data = b""
    while chunk := spill.read():
        assert chunk.endswith(b"\n")
        assert len(chunk) < 70_000
        data += chunk
    assert spill.left == 0
    assert data == LINE * 200_000
    spill.close()


def _link(fd: str) -> str:
    try:
        return os.readlink(f"/proc/self/fd/{fd}")
    except OSError:
        return ""


def test_a_slow_reader_gets_everything_in_order_and_memory_stays_small(new_loop: NewLoop) -> None:
    reader, writer = os.pipe()
    expected = b"first\n" + LINE * 300_000 + b"then\n" + LINE * 300_000 + b"last\n"
    largest = 0

    async def main() -> bytes:
        nonlocal largest
        out = Output(writer)
        backlog = Backlog(out, out.write)
        backlog.write(b"first\n")
        backlog.follow(spilled(LINE * 300_000))
        backlog.write(b"then\n")
        backlog.follow(spilled(LINE * 300_000))
        backlog.write(b"last\n")
        assert backlog.congested
        got = b""
        draining = asyncio.create_task(backlog.drain())
        while len(got) < len(expected):
            largest = max(largest, sum(map(len, out._pending)))
            got += await asyncio.to_thread(os.read, reader, 1 << 20)
        await draining
        assert not backlog.congested
        out.close()
        return got

    with asyncio.Runner(loop_factory=new_loop) as loop:
        assert loop.run(main()) == expected
    assert largest < 100_000
    os.close(reader)
    os.close(writer)


def test_a_reader_that_leaves_is_told_to_whoever_waits_or_writes(new_loop: NewLoop) -> None:
    async def main() -> None:
        reader, writer = os.pipe()
        out = Output(writer)
        backlog = Backlog(out, out.write)
        backlog.follow(spilled(LINE * 300_000))
        os.close(reader)
        with pytest.raises(OutputError, match="its reader has closed it"):
            await backlog.drain()
        with pytest.raises(OutputError):
            backlog.write(b"more\n")
        with pytest.raises(OutputError):
            backlog.follow(spilled(b"more\n"))
        out.close()
        os.close(writer)

    with asyncio.Runner(loop_factory=new_loop) as loop:
        loop.run(main())


def test_giving_up_counts_what_is_still_on_disk(new_loop: NewLoop) -> None:
    async def main() -> None:
        reader, writer = os.pipe()
        out = Output(writer)
        backlog = Backlog(out, out.write)
        backlog.follow(spilled(LINE * 300_000))
        backlog.write(b"last\n")
        lost = backlog.give_up()
        assert 4_800_005 - (1 << 21) < lost < 4_800_005
        with pytest.raises(OutputError, match="its reader has stopped"):
            backlog.write(b"more\n")
        out.close()
        os.close(reader)
        os.close(writer)

    with asyncio.Runner(loop_factory=new_loop) as loop:
        loop.run(main())


def test_a_full_disk_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    spill = SpooledOutput()

    def full(data: bytes) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(spill._file, "write", full)
    with pytest.raises(OutputError, match="until its turn: No space left on device"):
        spill.write(b"x\n")
    spill.close()


def test_whoever_waits_is_let_go_when_somebody_gives_up(new_loop: NewLoop) -> None:
    async def main() -> None:
        reader, writer = os.pipe()
        out = Output(writer)
        backlog = Backlog(out, out.write)
        backlog.follow(spilled(LINE * 300_000))
        assert backlog._task
        draining = asyncio.create_task(backlog.drain())
        await asyncio.sleep(0)
        assert backlog.give_up()
        with pytest.raises(OutputError, match="its reader has stopped"):
            await draining
        out.close()
        os.close(reader)
        os.close(writer)

    with asyncio.Runner(loop_factory=new_loop) as loop:
        loop.run(main())
