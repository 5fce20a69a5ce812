"""Samples of what a step uses while it runs: CPU, memory, I/O and its processes, ten times a second.

Each sample is a look at /proc for the living processes of the step; what one of them may not show is left out.
"""

from __future__ import annotations

import asyncio
import os
import time
from typing import TYPE_CHECKING

from runnerlib._util.proc import read_if_shown
from runnerlib.events import ProcessSample, Sampled

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from runnerlib.events import Observer
    from runnerlib.executor.protocol import StepProcess

MOST_PROCESSES = 100
_TICKS = os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGE_SIZE")
_LONGEST_NAME = 40


class Sampler:
    """Emits a sample of a running process every `interval` seconds, from `start` to `stop`."""

    def __init__(
        self, process: StepProcess, step: str, observer: Observer, mask: Callable[[str], str], interval: float
    ) -> None:
        """`step` is masked, and `mask` is for the names of processes, which they choose themselves."""
        self._process = process
        self._step = step
        self._observer = observer
        self._mask = mask
        self._interval = interval
        self._timer: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """Begin, on the running loop."""
        self._timer = asyncio.get_running_loop().call_later(self._interval, self._look)

    def stop(self) -> None:
        """End; nothing is emitted afterwards."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _look(self) -> None:
        began = time.monotonic()
        sample = self._sample()
        if sample.processes:
            self._observer.observe(sample)
        # A look at many processes takes its time: no more than a tenth of it all is spent on them.
        pause = max(self._interval, 9 * (time.monotonic() - began))
        self._timer = asyncio.get_running_loop().call_later(pause, self._look)

    def _sample(self) -> Sampled:
        pids = [one.pid for one in self._process.leftover()]
        found = [one for pid in pids[:MOST_PROCESSES] if (one := self._of(pid)) is not None]
        read, written = (sum(values) for values in zip(*map(_io, pids), strict=True)) if pids else (0, 0)
        cpu, rss = sum(one.cpu + one.children for one in found), sum(one.rss for one in found)
        return Sampled(self._step, time.time(), round(cpu, 3), rss, read, written, len(pids), tuple(found))

    def _of(self, pid: int) -> ProcessSample | None:
        text = read_if_shown(f"/proc/{pid}/stat")
        before, _, after = text.rpartition(b")")
        words = after.split()
        if len(words) < 22:
            return None
        # Fields 14 to 17 of proc(5): utime and stime, its own and those of children that it has waited for.
        own, children = (sum(map(int, words[at : at + 2])) / _TICKS for at in (11, 13))
        name = self._mask(before.partition(b"(")[2].decode(errors="replace"))[:_LONGEST_NAME]
        return ProcessSample(pid, int(words[1]), name, own, children, int(words[21]) * _PAGE)


def _io(pid: int) -> tuple[int, int]:
    """Return the bytes that a process has read from storage, and written."""
    values = dict(_pairs(read_if_shown(f"/proc/{pid}/io")))
    return values.get(b"read_bytes", 0), values.get(b"write_bytes", 0)


def _pairs(text: bytes) -> Iterator[tuple[bytes, int]]:
    for line in text.splitlines():
        name, _, value = line.partition(b": ")
        if value.isdigit():
            yield name, int(value)
