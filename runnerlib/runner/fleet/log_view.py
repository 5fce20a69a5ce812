"""The log of a run as text: the output of all its jobs, a line at a time, masked as its dispatcher does."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from runnerlib.errors import printable
from runnerlib.events import StepFinished, StepOutput, Warned
from runnerlib.masking import SecretMasker
from runnerlib.runner.fleet.codec import DamagedError, decode
from runnerlib.runner.fleet.seal import JobCipher, SealError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from runnerlib.masking import Stream
    from runnerlib.runner.fleet.contract import Frame
    from runnerlib.runner.fleet.run_record import RunRecord


class LogView:
    """Takes the frames of a run, and writes lines as `STEP | TEXT`."""

    def __init__(self, record: RunRecord, write: Callable[[str], object]) -> None:
        self._record = record
        self._write = write
        self._masker = SecretMasker()
        self._streams: dict[str, Stream] = {}
        self._begun: dict[str, bytes] = {}

    def take(self, frame: Frame) -> None:
        """Take the next frame."""
        try:
            self._take(frame)
        except (SealError, DamagedError, TypeError, ValueError, AttributeError) as error:
            self._write(f"a message of worker '{printable(frame.worker)}' is dropped: {error}")

    def _take(self, frame: Frame) -> None:
        if frame.kind == "begin" and frame.attempt > 1:
            self._write(f"attempt {frame.attempt} runs on worker '{printable(frame.worker)}'")
        elif frame.kind == "secrets":
            secrets = list(self._content(frame))
            self._masker.register_secrets([value for value, _ in secrets], [name for _, name in secrets])
        elif frame.kind == "events":
            self._show(self._content(frame))

    def _content(self, frame: Frame) -> Any:
        cipher = JobCipher(self._record.job_key(frame.number))
        return decode(cipher.opened(frame.sealed, frame.about(self._record.run)))

    def _show(self, events: Iterable[object]) -> None:
        for event in events:
            if isinstance(event, StepOutput):
                stream = self._streams.get(event.step) or self._streams.setdefault(event.step, self._masker.stream())
                self._lines(event.step, stream.feed(event.data))
            elif isinstance(event, StepFinished):
                name = event.result.name
                self._lines(name, self._streams.pop(name).flush() if name in self._streams else b"", last=True)
            elif isinstance(event, Warned):
                self._write(printable(self._masker.mask_string(f"warning: {event.text}")))

    def _lines(self, step: str, data: bytes, *, last: bool = False) -> None:
        *whole, rest = (self._begun.pop(step, b"") + data).split(b"\n")
        if last and rest:
            whole, rest = [*whole, rest], b""
        for line in whole:
            text = line.removesuffix(b"\r").decode("utf-8", "replace")
            self._write(printable(f"{self._masker.mask_string(step)} | {text}"))
        if rest:
            self._begun[step] = rest
