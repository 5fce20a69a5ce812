"""Hauling, on both loops: a thread searches while the loop reads and writes, and nobody can tell it from the output."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Callable
from random import Random
from typing import cast

import pytest

from runnerlib.engine import output_pump as pump
from runnerlib.errors import OutputError
from runnerlib.executor.local import Process
from runnerlib.masking import SecretMasker, Stream
from tests.engine.harness import NewLoop, Recorder
from tests.oracle import mask

SECRET, LATE = b"hunter2-hunter2", b"minted-a-moment-ago"


@pytest.fixture(autouse=True)
def _hauled_early(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make small pieces have the effects of a full pipe."""
    monkeypatch.setattr(pump, "READS_PER_WAKEUP", 1)
    monkeypatch.setattr(pump, "CHUNK", 100)
    monkeypatch.setattr(pump, "AHEAD", 5000)


class Source:
    """The reading end of a pipe, as a process has it."""

    def __init__(self) -> None:
        self.output, self.input = os.pipe()
        os.set_blocking(self.output, False)

    def read(self, size: int) -> bytes:
        return os.read(self.output, size)

    def close(self) -> None:
        os.close(self.output)


class Watched:
    """A stream that tells which chunks it has prepared."""

    def __init__(self, masker: SecretMasker) -> None:
        self._stream = masker.stream()
        self.feed, self.flush = self._stream.feed, self._stream.flush
        self.prepared: list[bytes] = []
        self._changed = threading.Condition()

    @property
    def searches(self) -> bool:
        return self._stream.searches

    def prepare(self, data: bytes) -> None:
        self._stream.prepare(data)
        with self._changed:
            self.prepared.append(data)
            self._changed.notify()

    def wait_for(self, count: int) -> None:
        """Until so many chunks are prepared."""
        with self._changed:
            assert self._changed.wait_for(lambda: len(self.prepared) >= count, 60)


class Congested(Recorder):
    """An observer that wants no more after each piece but the first, until `while_waiting` is done."""

    def __init__(self, while_waiting: Callable[[int], object]) -> None:
        super().__init__(self._on_output)
        self._while_waiting = while_waiting
        self._times = 0

    def _on_output(self, data: bytes) -> None:
        assert not self.congested
        self.congested = len(self.events) > 1

    async def drain(self) -> None:
        self._times += 1
        self._while_waiting(self._times)
        self.congested = False


def pumped(
    new_loop: NewLoop,
    text: bytes,
    stream: Watched,
    observer: Recorder,
    act: Callable[[pump.Pump], object] = lambda pump: None,
) -> pump.Pump:
    """Pump a text to its end; as much as a pipe takes is in it before the pump starts."""
    source = Source()
    os.set_blocking(source.input, False)
    written = os.write(source.input, text)
    os.set_blocking(source.input, True)

    def write_the_rest() -> None:
        with os.fdopen(source.input, "wb", buffering=0) as rest:
            rest.write(text[written:])

    async def main() -> pump.Pump:
        made = pump.Pump(cast("Process", source), "job", cast("Stream", stream), observer)
        act(made)
        made.start()
        await made.ended
        return made

    thread = threading.Thread(target=write_the_rest)
    thread.start()
    try:
        with asyncio.Runner(loop_factory=new_loop) as runner:
            return runner.run(main())
    finally:
        source.close()
        thread.join()


@pytest.mark.parametrize("congested", [False, True])
def test_nothing_changes_but_the_time(new_loop: NewLoop, congested: bool) -> None:
    random = Random(congested)
    pieces = [SECRET, SECRET[:9], b"." * 700, random.randbytes(300), b"\n"]
    text = b"".join(random.choices(pieces, k=4000))
    masker = SecretMasker("#", encodings=False)
    masker.register_secret(SECRET)
    stream = Watched(masker)
    recorder = Congested(lambda time: None) if congested else Recorder()
    done = pumped(new_loop, text, stream, recorder)
    assert done.error is None
    assert recorder.output == mask([SECRET], text)
    assert stream.prepared


def test_what_is_registered_while_a_searched_chunk_waits_is_masked(new_loop: NewLoop) -> None:
    masker = SecretMasker("#")
    masker.register_secret(SECRET)
    stream = Watched(masker)

    text = b"." * 22_000 + LATE + b"." * 20_000

    def register(time: int) -> None:
        stream.wait_for(min(time + 1, len(text) // pump.AHEAD))  # the chunk behind the one that was shown
        if LATE in stream.prepared[-1]:
            masker.register_secret(LATE)

    recorder = Congested(register)
    pumped(new_loop, text, stream, recorder)
    assert any(LATE in data for data in stream.prepared)
    assert recorder.output == mask([LATE], text)


def test_what_was_read_ahead_is_not_lost_when_the_reading_ends(new_loop: NewLoop) -> None:
    masker = SecretMasker("#")
    masker.register_secret(SECRET)
    stream, text = Watched(masker), SECRET + b"." * 30_000
    pumps: list[pump.Pump] = []

    def finish(time: int) -> None:
        stream.wait_for(time + 1)
        recorder.congested = False  # what has ended does not wait
        pumps[0].finish()

    recorder = Congested(finish)
    pumped(new_loop, text, stream, recorder, pumps.append)
    read = pump.CHUNK + sum(map(len, stream.prepared))
    assert read == pump.CHUNK + 2 * pump.AHEAD
    assert recorder.output == mask([SECRET], text[:read])


def test_an_observer_that_fails_ends_it(new_loop: NewLoop) -> None:
    masker = SecretMasker("#")
    masker.register_secret(SECRET)
    stream = Watched(masker)

    def fail(data: bytes) -> None:
        if stream.prepared:
            raise OutputError("its reader has gone")

    done = pumped(new_loop, b"." * 50_000, stream, Recorder(fail))
    assert str(done.error) == "its reader has gone"


def test_without_secrets_no_thread_is_asked(new_loop: NewLoop) -> None:
    stream, recorder = Watched(SecretMasker()), Recorder()
    pumped(new_loop, b"." * 50_000, stream, recorder)
    assert recorder.output == b"." * 50_000
    assert not stream.prepared
