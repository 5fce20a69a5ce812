"""Output of steps without commands of the CI service, for modes that pass it on as it comes.

A service reads commands from the log: the output of a step is data. What may be the beginning of a command is kept
until the rest of it comes.
"""

from __future__ import annotations

import re
import secrets
from typing import TYPE_CHECKING

from runnerlib.events import (
    JobFinished,
    JobStarted,
    Notice,
    StepFinished,
    StepOutput,
    StepRetrying,
    StepStarted,
    Warned,
)
from runnerlib.output.filter import Filter
from runnerlib.output.modes.ci_services import DIALECTS

if TYPE_CHECKING:
    from collections.abc import Callable

    from runnerlib.events import Event
    from runnerlib.output.protocol import Console

# What each service obeys within a line, the beginnings of it at the end of a piece, and what it obeys at the beginning.
_HASHES = re.compile(rb"##(?=(?:vso)?\[)", re.IGNORECASE)
_SECTIONS = re.compile(rb"section_(?=(?:start|end):)")
_HEADINGS = re.compile(rb"^(?=(?:\x1b\[[0-9;:]*m)*(?:---|\+\+\+|~~~|\^\^\^ \+\+\+))", re.MULTILINE)
_HELD = {
    _HASHES: re.compile(rb"##?(?:v(?:so?)?)?\Z", re.IGNORECASE),
    _SECTIONS: re.compile(
        rb"(?:s|se|sec|sect|secti|sectio|section|section_|section_s|section_st|section_sta|section_star|section_start"
        rb"|section_e|section_en|section_end)\Z"
    ),
    _HEADINGS: re.compile(
        rb"^(?:\x1b\[[0-9;:]*m)*(?:\x1b(?:\[[0-9;:]{0,40})?|-{0,2}|\+{0,2}|~{0,2}|\^{1,3} ?\+{0,2})\Z"
    ),
}
_OBEYED = {"github": _HASHES, "azure": _HASHES, "gitlab": _SECTIONS, "buildkite": _HEADINGS}
_MARKS = ("##", "---", "+++", "~~~")
_BROKEN = {_HASHES: rb"## ", _SECTIONS: rb"section _", _HEADINGS: rb" "}


class StreamGuard:
    """The output of one step, from which nothing is obeyed."""

    def __init__(self, dialect: str) -> None:
        self._obeyed = _OBEYED[dialect]
        self._held = b""
        self._within = False  # whether what is held does not begin a line

    def feed(self, data: bytes) -> bytes:
        """Return what may pass now."""
        data, self._held = self._held + data, b""
        if not data:
            return data
        start = data.rfind(b"\n") + 1
        rest = data[start:]
        line_begins = bool(start) or not self._within
        if self._obeyed is _HEADINGS:
            kept = _HELD[_HEADINGS].match(rest) if line_begins and rest else None
        else:
            kept = _HELD[self._obeyed].search(data)
        if kept is not None:
            at = start if self._obeyed is _HEADINGS else kept.start()
            data, self._held = data[:at], data[at:]
        return self._passed(data)

    def flush(self) -> bytes:
        """Return what was kept, with a blank behind it: what another step writes to the same line could complete it."""
        data, self._held = self._held, b""
        return self._passed(data + b" " if data else data)

    def _passed(self, data: bytes) -> bytes:
        if not data:
            return data
        within, self._within = self._within, not data.endswith(b"\n")
        if within and self._obeyed is _HEADINGS:
            first, end, others = data.partition(b"\n")
            return first + end + self._obeyed.sub(_BROKEN[self._obeyed], others) if end else data
        return self._obeyed.sub(_BROKEN[self._obeyed], data)


class Guarded(Filter):
    """A console filter by which no step, and no name or reason, is obeyed by the service of this dialect.

    With `stops`, where output begins lines, GitHub obeys nothing between a line with a random token and the end of the
    job, so the bytes of steps stay as they are but for `##[`.
    """

    def __init__(
        self,
        console: Console,
        dialect: str,
        *,
        stops: bool,
        token: Callable[[], str] = lambda: secrets.token_hex(16),
    ) -> None:
        super().__init__(console)
        self._dialect = dialect
        self._harmless = DIALECTS[dialect]().harmless
        self._guards: dict[str, StreamGuard] = {}
        self._token = token() if stops and dialect == "github" else ""
        self._stopped = False
        self._whole, self._last = True, ""

    def observe(self, event: Event) -> None:
        """Pass one event on."""
        match event:
            case StepOutput():
                self._output(self._text(event.step), self._guard(event.step).feed(event.data))
                return
            case JobFinished() if self._stopped:
                end = b"\n" * (not self._whole) + f"::{self._token}::\n".encode()
                super().observe(StepOutput(self._last, end))
                self._stopped = False
        super().observe(self._harmless_event(event))

    def _harmless_event(self, event: Event) -> Event:
        text = self._text
        match event:
            case JobStarted():
                steps = {text(step): tuple(map(text, others)) for step, others in event.steps.items()}
                event = event._replace(steps=steps)
            case StepStarted():
                event = event._replace(step=text(event.step), command=text(event.command))
            case StepRetrying():
                self._end(event.step)
                event = event._replace(step=text(event.step), reason=text(event.reason))
            case StepFinished():
                self._end(event.result.name)
                result = event.result._replace(name=text(event.result.name), reason=text(event.result.reason))
                event = StepFinished(result)
            case Warned():
                event = event._replace(step=text(event.step), text=text(event.text))
            case Notice():
                event = event._replace(text=text(event.text))
        return event

    def say(self, text: bytes) -> None:
        """Pass lines of the runner on, which may quote a step."""
        super().say(self._harmless(text))

    def command(self, lines: bytes) -> None:
        """Show lines that are meant for the service, behind the output of steps."""
        super().observe(StepOutput("", lines))

    def _guard(self, step: str) -> StreamGuard:
        guard = self._guards.get(step)
        if guard is None:
            guard = self._guards[step] = StreamGuard(self._dialect)
        return guard

    def _output(self, step: str, data: bytes) -> None:
        if not data:
            return
        if self._token and not self._stopped:
            self._stopped = True
            super().observe(StepOutput(step, f"::stop-commands::{self._token}\n".encode()))
        self._whole, self._last = data.endswith(b"\n"), step
        super().observe(StepOutput(step, data))

    def _end(self, step: str) -> None:
        guard = self._guards.pop(step, None)
        if guard is not None:
            self._output(self._text(step), guard.flush())

    def _text(self, text: str) -> str:
        if not any(mark in text for mark in _MARKS):
            return text
        return self._harmless(text.encode("utf-8", "surrogatepass")).decode("utf-8", "surrogatepass")
