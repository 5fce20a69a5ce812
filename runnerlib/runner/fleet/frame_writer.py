"""Observer that makes sealed frames of a job's events, in order, with the secrets registered before them."""

from __future__ import annotations

import asyncio
import json
from collections import deque
from typing import TYPE_CHECKING, Any, NamedTuple

from runnerlib.events import StepFinished, StepOutput, StepStarted
from runnerlib.runner.fleet.codec import encode
from runnerlib.runner.fleet.contract import Frame
from runnerlib.runner.fleet.link import FRAME

if TYPE_CHECKING:
    from collections.abc import Mapping

    from runnerlib.events import Event
    from runnerlib.masking.known import Known
    from runnerlib.runner.fleet.contract import Kind
    from runnerlib.runner.fleet.link import Link
    from runnerlib.runner.fleet.seal import JobCipher

_FULL = 64 << 10
_MOST_AHEAD = 1 << 20
_SOON = 0.03
_LONGEST_COMMAND = 100_000


class _Secrets(NamedTuple):
    """Secrets between events."""

    known: Known


class FrameWriter:
    """Sends frames to the worker; congested while the worker has more than a megabyte that is not taken yet."""

    def __init__(self, link: Link, cipher: JobCipher, ticket: Mapping[str, Any]) -> None:
        """`ticket` has `run`, `number`, `attempt`, `worker` and `most` of the job."""
        self._link = link
        self._cipher = cipher
        self._ticket = ticket
        self._seq = 0
        self._loop = asyncio.get_running_loop()
        self._waiting: deque[Event | _Secrets] = deque()
        self._size = 0
        self._timer: asyncio.TimerHandle | None = None
        self._ahead = 0
        self._room = asyncio.Event()
        self._room.set()

    @property
    def congested(self) -> bool:
        """True while the worker is behind."""
        return self._ahead + self._size > _MOST_AHEAD

    async def drain(self) -> None:
        """Return once the worker has caught up."""
        while self.congested:
            self._room.clear()
            self.flush()
            await self._room.wait()

    def observe(self, event: Event) -> None:
        """Take an event."""
        if isinstance(event, StepOutput):
            for begin in range(0, len(event.data), _FULL):
                self._waiting.append(StepOutput(event.step, event.data[begin : begin + _FULL]))
            self._size += len(event.data)
        else:
            if isinstance(event, StepStarted):
                event = event._replace(command=event.command[:_LONGEST_COMMAND])
            self._waiting.append(event)
        if self._size >= _FULL:
            self.flush()
        elif self._timer is None:
            self._timer = self._loop.call_later(_SOON, self.flush)

    def know(self, secrets: Known) -> None:
        """Take secrets that will be masked from now on; from any thread."""
        self._waiting.append(_Secrets(secrets))
        self._loop.call_soon_threadsafe(self.flush)

    def taken(self, size: int) -> None:
        """Count a frame that the worker has passed on."""
        self._ahead -= size
        self._room.set()

    def flush(self) -> None:
        """Send what is there."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        events: list[Event] = []
        size = 0
        while self._waiting:
            one = self._waiting.popleft()
            if isinstance(one, _Secrets):
                self._events(events)
                events, size = [], 0
                self._send("secrets", encode(one.known))
                continue
            events.append(one)
            size += len(one.data) if isinstance(one, StepOutput) else 0
            if size >= _FULL:
                self._events(events)
                events, size = [], 0
        self._size = 0
        self._events(events)

    def end(self, outcome: bytes) -> None:
        """Send the last frame."""
        self.flush()
        self._send("end", outcome)

    def fits(self, data: bytes) -> bool:
        """Return whether a frame can carry so much."""
        return len(data) <= int(self._ticket["most"]) - _FULL // 16

    def _events(self, events: list[Event]) -> None:
        if not events:
            return
        data = encode(events)
        if self.fits(data):
            self._send("events", data)
        elif len(events) > 1:
            for one in events:
                self._events([one])
        elif isinstance(one := events[0], StepFinished):  # the end of the job says that its outputs are too large
            self._events([StepFinished(one.result._replace(outputs={}))])

    def _send(self, kind: Kind, data: bytes) -> None:
        ticket = self._ticket
        self._seq += 1
        frame = Frame(kind, ticket["number"], ticket["attempt"], self._seq, ticket["worker"])
        sealed = self._cipher.seal(data, frame.about(ticket["run"]))
        head = json.dumps([kind, self._seq]).encode()
        self._ahead += len(sealed)
        self._link.send(FRAME, len(head).to_bytes(), head, sealed)
