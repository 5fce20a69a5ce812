"""The observer that exports traces and metrics of a run by OpenTelemetry, in a thread that loads its SDK."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from runnerlib.events.forwarding import UnbufferedObserver
from runnerlib.output.telemetry.export_queue import ExportQueue
from runnerlib.output.telemetry.otel_settings import patience
from runnerlib.output.telemetry.points import Point, PointMaker
from runnerlib.output.telemetry.spans import Span

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from runnerlib.events import Event
    from runnerlib.output.telemetry.otel_export import MetricExport, SpanExport
    from runnerlib.output.telemetry.otel_settings import Signals
    from runnerlib.output.telemetry.spans import SpanMaker
    from runnerlib.output.telemetry.trace import Trace


class OtelObserver(UnbufferedObserver):
    """Exports spans and metrics of a run; whatever fails in it is told once, at the end, by `warn`."""

    def __init__(
        self,
        signals: Signals,
        environ: Mapping[str, str],
        trace: Trace,
        maker: SpanMaker,
        warn: Callable[[str], object],
    ) -> None:
        self._signals = signals
        self._environ = environ
        self._trace = trace
        self._maker = maker if signals.traces and trace.sampled else None
        self._points = PointMaker(workflow=maker.workflow) if signals.metrics else None
        self._warn = warn
        self._failed = ""
        self._errors = _Errors()
        self._spans: SpanExport | None = None
        self._metrics: MetricExport | None = None
        self._queue: ExportQueue[Span | Point] = ExportQueue(self._export, "runnerlib-otel", patience(environ))

    def observe(self, event: Event) -> None:
        """Queue the spans that have ended; nothing here can fail the run."""
        try:
            for span in self._maker.spans(event) if self._maker is not None else ():
                self._queue.put(span)
            for point in self._points.points(event) if self._points is not None else ():
                self._queue.put(point)
        except Exception as error:
            self._failed = f"{type(error).__name__}: {error}"

    def finish(self) -> None:
        """Send the rest."""
        dropped = self._queue.finish()
        self._errors.stop()
        why = self._errors.last or self._failed
        if dropped or why:
            lost = f"{dropped} of its spans and figures were dropped" if dropped else "a part of it is missing"
            self._warn(f"OpenTelemetry does not have the whole run: {lost}" + (f" ({why})" if why else ""))

    def _export(self, entries: Sequence[Span | Point]) -> bool:
        """Send entries; the first call loads the SDK."""
        try:
            from runnerlib.output.telemetry.otel_export import MetricExport, SpanExport, resource_of

            resource = resource_of(self._environ)
            spans = [one for one in entries if isinstance(one, Span)]
            taken = True
            if spans:
                self._spans = self._spans or SpanExport(self._signals.traces, resource, self._trace.trace_id)
                taken = self._spans.send(spans)
            if points := [one for one in entries if isinstance(one, Point)]:
                self._metrics = self._metrics or MetricExport(self._signals.metrics, resource)
                taken = self._metrics.send(points) and taken
        except Exception as error:
            self._failed = f"{type(error).__name__}: {error}"
            return False
        return taken


class _Errors(logging.Handler):
    """Keeps the last complaint of the SDK, which would write to stderr by itself, past the mask."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.last = ""
        self._loggers = [logging.getLogger(name) for name in ("opentelemetry", "urllib3", "requests", "grpc")]
        self._before = [one.propagate for one in self._loggers]
        for one in self._loggers:
            one.propagate = False
            one.addHandler(self)

    def emit(self, record: logging.LogRecord) -> None:
        self.last = record.getMessage()[:500]

    def stop(self) -> None:
        """Leave the loggers to others; threads that are still at work stay silent."""
        for one, before in zip(self._loggers, self._before, strict=True):
            one.addHandler(logging.NullHandler())
            one.removeHandler(self)
            one.propagate = before
