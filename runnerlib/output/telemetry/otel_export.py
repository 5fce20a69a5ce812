"""The exporter of OpenTelemetry's SDK; it is loaded in the thread that exports, as that takes a tenth of a second."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader, MetricExportResult
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExportResult
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import SpanContext, SpanKind, TraceFlags
from opentelemetry.trace.status import Status, StatusCode

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from runnerlib.output.telemetry.points import Point
    from runnerlib.output.telemetry.spans import Span

_SCOPE = InstrumentationScope("runnerlib")
_SAMPLED = TraceFlags(TraceFlags.SAMPLED)
_MODULE = {"http/protobuf": "opentelemetry.exporter.otlp.proto.http", "grpc": "opentelemetry.exporter.otlp.proto.grpc"}
_BUCKETS = (0.1, 0.5, 1, 5, 10, 30, 60, 120, 300, 600, 1800, 3600, 7200, 14400)


def resource_of(environ: Mapping[str, str]) -> Resource:
    """Return the resource: `service.name` is ours unless the environment names another."""
    named = environ.get("OTEL_SERVICE_NAME") or "service.name=" in environ.get("OTEL_RESOURCE_ATTRIBUTES", "")
    return Resource.create({} if named else {"service.name": "runnerlib"})


class SpanExport:
    """Sends spans of one trace by a protocol of OTLP."""

    def __init__(self, protocol: str, resource: Resource, trace_id: str) -> None:
        self._exporter = _exporter(protocol, "trace", "Span")
        self._resource = resource
        self._trace = int(trace_id, 16)

    def send(self, spans: Sequence[Span]) -> bool:
        """Return whether the receiver has taken all."""
        return self._exporter.export([self._readable(one) for one in spans]) is SpanExportResult.SUCCESS

    def _readable(self, span: Span) -> ReadableSpan:
        parent = self._context(span.parent_id, is_remote=span.is_run) if span.parent_id else None
        return ReadableSpan(
            span.name,
            self._context(span.span_id),
            parent,
            self._resource,
            span.attributes,
            kind=SpanKind.SERVER if span.is_run else SpanKind.INTERNAL,
            status=Status(StatusCode.ERROR, span.error) if span.error else Status(StatusCode.OK),
            start_time=int(span.started * 1e9),
            end_time=int(span.ended * 1e9),
            instrumentation_scope=_SCOPE,
        )

    def _context(self, span: str, *, is_remote: bool = False) -> SpanContext:
        return SpanContext(self._trace, int(span, 16), is_remote=is_remote, trace_flags=_SAMPLED)


class MetricExport:
    """Sends the metrics of a run by a protocol of OTLP."""

    def __init__(self, protocol: str, resource: Resource) -> None:
        self._exporter = _exporter(protocol, "metric", "Metric")
        self._reader = InMemoryMetricReader()
        self._meter = MeterProvider([self._reader], resource, shutdown_on_exit=False).get_meter("runnerlib")
        self._instruments: dict[str, Any] = {}

    def send(self, points: Sequence[Point]) -> bool:
        """Count the points; return whether the receiver has taken the sums."""
        for point in points:
            instrument = self._instruments.get(point.name)
            if instrument is None:
                instrument = self._instruments[point.name] = self._made(point)
            (instrument.record if point.kind == "histogram" else instrument.add)(point.value, point.attributes)
        data = self._reader.get_metrics_data()
        return data is None or self._exporter.export(data) is MetricExportResult.SUCCESS

    def _made(self, point: Point) -> Any:
        if point.kind == "histogram":
            return self._meter.create_histogram(point.name, point.unit, explicit_bucket_boundaries_advisory=_BUCKETS)
        if point.kind == "counter":
            return self._meter.create_counter(point.name, point.unit)
        return self._meter.create_up_down_counter(point.name, point.unit)


def _exporter(protocol: str, signal: str, name: str) -> Any:
    return getattr(import_module(f"{_MODULE[protocol]}.{signal}_exporter"), f"OTLP{name}Exporter")()
