"""The mode `json`: every event is one line of JSON; `docs/events.schema.json` describes them.

The texts of `step_output` make up, in order, the output of the step byte for byte: `text` is a line
without its line break, `base64` one that is no UTF-8, and `continued` says that no line break followed.
No line of output makes a line of JSON of 64 KiB, however much of it has to be escaped.
"""

from __future__ import annotations

import time
from base64 import b64encode
from datetime import UTC, datetime
from json.encoder import encode_basestring as quoted  # the function in C behind `json.dumps`
from typing import TYPE_CHECKING, cast

from runnerlib.errors import flattened
from runnerlib.events import (
    Annotated,
    JobFinished,
    JobStarted,
    Masked,
    Measured,
    Notice,
    Reported,
    Sampled,
    StepFinished,
    StepOutput,
    StepRetrying,
    StepStarted,
    Triggered,
    Warned,
    WorkflowFinished,
    WorkflowJobFinished,
)
from runnerlib.output.streams import Streams
from runnerlib.output.text.lines import Lines

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from runnerlib.events import Event
    from runnerlib.events.result import JobResult, StepResult, WorkflowResult
    from runnerlib.output.capabilities import TerminalCapabilities
    from runnerlib.output.log.trace_fields import TraceFields

VERSION = 1

# A control character takes six bytes in JSON.
_LONGEST_PIECE = 10_000
# A command may be a script of any length; it is only shown to users, so it is cut.
_LONGEST_COMMAND = 8_000

_Fields = tuple[str, dict[str, "Value"]]
Value = str | int | float | bool | None | dict[str, "Value"] | list["Value"]


class Encoder:
    """Makes lines of events; keeps the unfinished line of every step."""

    def __init__(self, clock: Callable[[], float] = time.time, trace: TraceFields | None = None) -> None:
        self._clock = clock
        self._lines: dict[str, Lines] = {}
        self.trace = trace

    def encode(self, event: Event) -> bytes:
        """The lines for one event; none when only a part of a line has come."""
        if isinstance(event, Measured):
            return b""
        now = _time(self._clock())
        match event:
            case StepOutput():
                lines = self._lines.get(event.step)
                if lines is None:
                    lines = self._lines[event.step] = Lines(_LONGEST_PIECE)
                return _output(now, event.step, lines.feed(event.data), self._ids(event.step))
            case StepRetrying():
                before = self._end(now, event.step)
            case StepFinished():
                before = self._end(now, event.result.name)
            case _:
                before = b""
        if isinstance(event, Triggered):  # its message is JSON already
            return f'{{"v":{VERSION},"time":"{now}","type":"triggers","message":{event.message}}}\n'.encode()
        kind, fields = _fields(event)
        step = fields.get("step")
        ids = self._ids(step if isinstance(step, str) else "")
        return before + _bytes(_dumped({"v": VERSION, "time": now, "type": kind, **fields, **ids}) + "\n")

    def _ids(self, step: str) -> Mapping[str, str]:
        return {} if self.trace is None else self.trace.of(step)

    def _end(self, now: str, step: str) -> bytes:
        lines = self._lines.pop(step, None)
        return _output(now, step, lines.end(), self._ids(step)) if lines else b""


class JsonLines(Streams):
    """Everything on stdout."""

    def __init__(
        self, streams: Streams, clock: Callable[[], float] = time.time, *, obeyed: bytes = b"", instead: bytes = b""
    ) -> None:
        super().__init__(streams.out, streams.err)
        self._encoder = Encoder(clock)
        self._obeyed, self._instead = obeyed, instead

    @property
    def trace(self) -> TraceFields | None:
        """The ids of the trace that each line has; set it before the first event."""
        return self._encoder.trace

    @trace.setter
    def trace(self, fields: TraceFields | None) -> None:
        self._encoder.trace = fields

    def observe(self, event: Event) -> None:
        """Show one event."""
        lines = self._encoder.encode(event)
        if lines:
            self.out.write(lines.replace(self._obeyed, self._instead) if self._obeyed else lines)

    def say(self, text: bytes) -> None:
        """Write lines for the user to stderr."""
        self.err.write(text)


def console(streams: Streams, look: TerminalCapabilities) -> JsonLines:
    """Make the console of this mode. GitHub and Azure obey commands within lines: they get another spelling in JSON."""
    if look.dialect in {"github", "azure"}:
        return JsonLines(streams, obeyed=b"##", instead=b"#\\u0023")
    return JsonLines(streams)


def _output(now: str, step: str, parts: list[bytes], ids: Mapping[str, str]) -> bytes:
    head = f'{{"v":{VERSION},"time":"{now}","type":"step_output","step":{quoted(step)},'
    head += "".join(f'"{name}":"{value}",' for name, value in ids.items())
    return b"".join(_bytes("".join(_part(head, part))) for part in parts)


def _part(head: str, part: bytes) -> Iterator[str]:
    whole = part.endswith(b"\n")
    end = "}\n" if whole else ',"continued":true}\n'
    lines = part[:-1].split(b"\n") if whole else [part]
    try:
        texts = (part[:-1] if whole else part).decode().split("\n")
    except UnicodeDecodeError:
        for line in lines:
            yield f"{head}{_content(line)}{end}"
        return
    between = f'{end}{head}"text":'
    yield f'{head}"text":{between.join(map(quoted, texts))}{end}'


def _content(line: bytes) -> str:
    try:
        return f'"text":{quoted(line.decode())}'
    except UnicodeDecodeError:
        return f'"base64":"{b64encode(line).decode()}"'


def _fields(event: Event) -> _Fields:
    match event:
        case Notice() | Warned():
            found = _said(event)
        case JobStarted():
            graph: dict[str, Value] = {name: list(waits_for) for name, waits_for in event.steps.items()}
            found = "job_started", {"job": event.job, "steps": graph}
        case StepStarted():
            shown = event.command[:_LONGEST_COMMAND] + "…" * (len(event.command) > _LONGEST_COMMAND)
            found = "step_started", {"step": event.step, "command": shown, "attempt": event.attempt}
        case StepRetrying():
            found = "step_retrying", event._replace(reason=flattened(event.reason))._asdict()
        case Masked():
            found = "masked", {"step": event.step, **cast("dict[str, Value]", event.report.as_dict())}
        case StepFinished():
            found = "step_finished", _step(event.result)
        case Annotated() | Reported() | Sampled():
            found = _of_findings(event) if not isinstance(event, Sampled) else ("sample", _sample(event))
        case JobFinished():
            found = "job_finished", _job(event.result)
        case WorkflowJobFinished() | WorkflowFinished():
            found = _of_workflow(event)
        case _:
            raise TypeError(f"output is no line of its own: {type(event).__name__}")
    return found


def _sample(event: Sampled) -> dict[str, Value]:
    processes: list[Value] = [dict(one._asdict()) for one in event.processes]
    return {**event._replace(processes=())._asdict(), "at": _time(event.at), "processes": processes}


def _of_workflow(event: WorkflowJobFinished | WorkflowFinished) -> _Fields:
    if isinstance(event, WorkflowJobFinished):
        ended = _step(event.result)
        return "workflow_job_finished", {"job": ended.pop("step"), **ended}
    whole = _job(event.result)
    return "workflow_finished", {"workflow": whole.pop("job"), **whole}


def _said(event: Notice | Warned) -> _Fields:
    if isinstance(event, Notice):
        return "notice", {"text": flattened(event.text)}
    return "warning", {"text": flattened(event.text), "step": event.step or None}


def _of_findings(event: Annotated | Reported) -> _Fields:
    if isinstance(event, Annotated):
        found = event.finding
        place = {"path": found.path or None, "line": found.line or None, "column": found.column or None}
        about = {"title": flattened(found.title), "source": found.source}
        return "annotation", {"step": event.step, "level": found.level, "text": flattened(found.text), **place, **about}
    cases: Value = dict(event.cases._asdict()) if event.cases is not None else None
    sums: dict[str, Value] = {"files": event.files, "findings": event.findings, "cases": cases}
    return "report", {"step": event.step, "kind": event.kind, **sums, "coverage": event.coverage}


def _step(result: StepResult) -> dict[str, Value]:
    return {
        "step": result.name,
        "outcome": result.outcome,
        "exit_code": result.exit_code,
        "reason": flattened(result.reason),
        "cause": result.cause,
        "attempts": result.attempts,
        "started": _time(result.started) if result.started else None,
        "ended": _time(result.ended) if result.started else None,
        "usage": dict(result.usage._asdict()) if result.usage else None,
        "outputs": dict(result.outputs),
        "required": result.required,
        **({"worker": result.worker} if result.worker else {}),
    }


def _job(result: JobResult | WorkflowResult) -> dict[str, Value]:
    return {
        "job": result.name,
        "exit_code": result.exit_code,
        "reason": flattened(result.reason),
        "started": _time(result.started) if result.started else None,
        "ended": _time(result.ended) if result.started else None,
    }


def _time(seconds: float) -> str:
    """RFC 3339, UTC, always six digits."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def _dumped(value: Value) -> str:
    """JSON without spaces. An unpaired surrogate stays until `_bytes` writes it as the escape that JSON has for it."""
    if isinstance(value, str):
        return quoted(value)
    if isinstance(value, dict):
        return "{" + ",".join(f"{quoted(key)}:{_dumped(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(_dumped, value)) + "]"
    if value is None:
        return "null"
    return str(value).lower() if isinstance(value, bool) else repr(value)


def _bytes(text: str) -> bytes:
    return text.encode(errors="backslashreplace")
