"""Output: nothing lost, nothing reordered, the loop never blocked, whatever the descriptor."""

from __future__ import annotations

import asyncio
import fcntl
import os
import pty
import signal
import socket
import threading
import tty
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from runnerlib.errors import OutputError
from runnerlib.output import streams as output
from runnerlib.output.streams import Output

DATA = bytes(range(256)) * 16384  # 4 MiB, more than any of these buffers takes


def pipe_pair() -> tuple[int, int]:
    return os.pipe()


def socket_pair() -> tuple[int, int]:
    reader, writer = socket.socketpair()
    return reader.detach(), writer.detach()


def terminal_pair() -> tuple[int, int]:
    reader, writer = pty.openpty()
    tty.setraw(writer)
    return reader, writer


PAIRS = {"pipe": pipe_pair, "socket": socket_pair, "terminal": terminal_pair, "foreign": pipe_pair}


@pytest.fixture(params=sorted(PAIRS))
def pair(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[int, int]]:
    """A reading end and a writing end of every kind; 'foreign' is a pipe that may not be opened anew."""
    if request.param == "foreign":
        monkeypatch.setattr(output, "_reopened", output._polled)
    reader, writer = PAIRS[request.param]()
    yield reader, writer
    os.close(reader)
    os.close(writer)


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[int], Output]]:
    """Makes outputs and closes what they opened."""
    made: list[Output] = []

    def make(fd: int) -> Output:
        made.append(Output(fd))
        return made[-1]

    yield make
    for one in made:
        one.close()


def read_exactly(fd: int, size: int) -> bytes:
    data = b""
    while len(data) < size:
        data += os.read(fd, size - len(data))
    return data


def test_a_slow_reader_gets_everything_in_order(
    pair: tuple[int, int], opened: Callable[[int], Output], new_loop: Callable[[], asyncio.AbstractEventLoop]
) -> None:
    reader, writer = pair
    got: list[bytes] = []

    async def write() -> None:
        out = opened(writer)
        out.write(DATA)
        out.write(b"the end")
        assert out.congested
        thread = threading.Thread(target=lambda: got.append(read_exactly(reader, len(DATA) + 7)))
        thread.start()
        await out.drain()
        assert not out.congested
        await asyncio.to_thread(thread.join)

    with asyncio.Runner(loop_factory=new_loop) as loop:
        loop.run(write())
    assert got == [DATA + b"the end"]


def test_without_a_loop_write_waits_itself(pair: tuple[int, int], opened: Callable[[int], Output]) -> None:
    reader, writer = pair
    out = opened(writer)
    thread = threading.Thread(target=lambda: (out.write(DATA), out.write(b"the end")))
    thread.start()
    assert read_exactly(reader, len(DATA) + 7) == DATA + b"the end"
    thread.join()


def test_the_loop_runs_while_the_reader_sleeps(
    pair: tuple[int, int], opened: Callable[[int], Output], new_loop: Callable[[], asyncio.AbstractEventLoop]
) -> None:
    async def write() -> list[str]:
        out = opened(pair[1])
        out.write(DATA)
        heard = asyncio.get_running_loop().create_future()
        asyncio.get_running_loop().add_signal_handler(signal.SIGUSR1, heard.set_result, "signal")
        os.kill(os.getpid(), signal.SIGUSR1)
        first = await heard
        asyncio.get_running_loop().remove_signal_handler(signal.SIGUSR1)
        lost = out.give_up()
        assert 0 < lost < len(DATA)
        with pytest.raises(OutputError, match=f"its reader has stopped, {lost} bytes are lost"):
            out.write(b"more")
        return [first]

    with asyncio.Runner(loop_factory=new_loop) as loop:
        assert loop.run(write()) == ["signal"]


def test_a_reader_that_goes_away_while_the_output_waits(
    opened: Callable[[int], Output], new_loop: Callable[[], asyncio.AbstractEventLoop]
) -> None:
    async def write() -> None:
        reader, writer = os.pipe()
        out = opened(writer)
        out.write(DATA)
        os.close(reader)
        with pytest.raises(OutputError, match="its reader has closed it"):
            await out.drain()
        with pytest.raises(OutputError):
            out.write(b"more")
        os.close(writer)

    with asyncio.Runner(loop_factory=new_loop) as loop:
        loop.run(write())


def test_a_reader_that_is_gone(opened: Callable[[int], Output]) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    out = opened(writer)
    for _ in range(2):
        with pytest.raises(OutputError, match="its reader has closed it"):
            out.write(b"x")
    os.close(writer)


def test_a_full_disk(opened: Callable[[int], Output]) -> None:
    full = os.open("/dev/full", os.O_WRONLY)
    with pytest.raises(OutputError, match="No space left on device"):
        opened(full).write(b"x")
    os.close(full)


def test_a_closed_descriptor() -> None:
    with pytest.raises(OutputError, match="cannot write to descriptor 1000: Bad file descriptor"):
        Output(1000)


def test_a_file_is_appended_where_its_descriptor_stands(tmp_path: Path, opened: Callable[[int], Output]) -> None:
    with (tmp_path / "log").open("wb", buffering=0) as file:
        file.write(b"before ")
        opened(file.fileno()).write(b"after")
    assert (tmp_path / "log").read_bytes() == b"before after"


def test_the_inherited_descriptor_keeps_blocking(pair: tuple[int, int], opened: Callable[[int], Output]) -> None:
    opened(pair[1])
    assert os.get_blocking(pair[1])


def test_a_pipe_grows(opened: Callable[[int], Output]) -> None:
    reader, writer = os.pipe()
    opened(writer)
    assert fcntl.fcntl(reader, fcntl.F_GETPIPE_SZ) >= 1 << 20
    os.close(reader)
    os.close(writer)
