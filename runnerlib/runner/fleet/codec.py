"""Values as bytes: jobs on their way to a worker, events on their way back.

JSON says what a value is: an array is `[TAG, CONTENT]`, where the tag names one of the classes below, a tuple, a list
or bytes, which follow the JSON. Only these classes can be made of what comes, never code.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from runnerlib import events
from runnerlib._util.objects.pieces import Piece
from runnerlib.errors import RunnerError
from runnerlib.events.findings import CaseCounts, Finding
from runnerlib.events.result import StepResult, Usage
from runnerlib.masking.report import MaskReport, RuleCount
from runnerlib.pipeline.job import Job, Retry, Step
from runnerlib.pipeline.job.cache import Cache
from runnerlib.pipeline.job.concurrency import Concurrency
from runnerlib.pipeline.job.inputs import Input
from runnerlib.pipeline.job.service import Service
from runnerlib.pipeline.workflow import Approval, Download, FanOut, Filter, Instance, WorkflowJob
from runnerlib.runner.fleet.parcels import Parcel
from runnerlib.runner.workflow.backend import JobInputs, JobOutcome
from runnerlib.runner.workflow.job_outputs import JobOutputs

_TUPLES: tuple[Any, ...] = (
    *(events.Notice, events.Warned, events.StepStarted, events.StepOutput, events.StepRetrying, events.Masked),
    *(events.Annotated, events.Reported, events.Measured, events.Sampled, events.ProcessSample, Finding, CaseCounts),
    *(events.StepFinished, events.Triggered, StepResult, Usage, MaskReport, RuleCount, JobOutcome, JobOutputs),
    *(JobInputs, Instance, WorkflowJob, Step, Retry, Cache, Concurrency, Service, Download, Filter, Input, Approval),
    *(FanOut, Piece, Parcel),
)
_CLASSES: Mapping[str, Any] = {one.__name__: one for one in (*_TUPLES, Job)}
_SIZE = 4


class DamagedError(RunnerError):
    """A message that is no value of this version."""


def encode(value: object) -> bytes:
    """Return a value as bytes. Raises TypeError for one of another kind."""
    blobs: list[bytes] = []
    text = json.dumps(_plain(value, blobs), ensure_ascii=False, separators=(",", ":")).encode("utf-8", "surrogatepass")
    return b"".join((len(text).to_bytes(_SIZE), text, *blobs))


def decode(data: bytes) -> Any:
    """Return the value that `encode` made bytes of. Raises DamagedError."""
    size = int.from_bytes(data[:_SIZE])
    try:
        text = data[_SIZE : _SIZE + size].decode("utf-8", "surrogatepass")
        return _value(json.loads(text), _Blobs(data, _SIZE + size))
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise DamagedError(f"it is no value of this version ({type(error).__name__})") from None


class _Blobs:
    """The bytes behind the JSON, in the order in which it names them."""

    def __init__(self, data: bytes, at: int) -> None:
        self._data = data
        self._at = at

    def take(self, size: int) -> bytes:
        begin, self._at = self._at, self._at + size
        if size < 0 or self._at > len(self._data):
            raise ValueError("it is cut")
        return self._data[begin : self._at]


def _plain(value: object, blobs: list[bytes]) -> object:
    name = type(value).__name__
    if value is None or isinstance(value, (str, int, float)):
        return value
    if isinstance(value, bytes):
        blobs.append(value)
        return ["b", len(value)]
    if isinstance(value, Job):
        return [name, {field: _plain(one, blobs) for field, one in vars(value).items()}]
    if isinstance(value, tuple) and hasattr(value, "_fields") and name in _CLASSES:
        defaults: Mapping[str, object] = getattr(value, "_field_defaults", {})
        fields = zip(value._fields, value, strict=True)
        return [name, {field: _plain(one, blobs) for field, one in fields if defaults.get(field, ...) is not one}]
    if isinstance(value, (tuple, list)):
        return ["t" if isinstance(value, tuple) else "l", [_plain(one, blobs) for one in value]]
    if isinstance(value, Mapping):
        return {str(key): _plain(one, blobs) for key, one in value.items()}
    raise TypeError(f"a {name} does not travel")


def _value(plain: object, blobs: _Blobs) -> Any:
    if isinstance(plain, dict):
        return {key: _value(one, blobs) for key, one in plain.items()}
    if not isinstance(plain, list):
        return plain
    tag, content = plain
    if tag == "b":
        return blobs.take(content)
    if tag in {"t", "l"}:
        values = [_value(one, blobs) for one in content]
        return tuple(values) if tag == "t" else values
    return _CLASSES[tag](**{field: _value(one, blobs) for field, one in content.items()})
