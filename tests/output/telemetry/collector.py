"""A receiver of OTLP over HTTP that keeps what it gets, or answers in a wrong way."""

from __future__ import annotations

import gzip
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest


class Collector(ThreadingHTTPServer):
    """Spans by name, metrics by name, and the headers of each request; with a `status`, that is all it answers."""

    def __init__(self, status: int = 200) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.status = status
        self.spans: list[Any] = []
        self.metrics: dict[str, Any] = {}
        self.headers: list[dict[str, str]] = []
        self.resource: dict[str, Any] = {}

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def span(self, name: str) -> Any:
        (found,) = [one for one in self.spans if one.name == name]
        return found

    def tree(self) -> list[str]:
        """The names of all spans, each below its parent and indented, in the order of their starts."""
        ids = {one.span_id for one in self.spans}

        def below(parent: bytes, depth: int) -> Iterator[str]:
            children = [one for one in self.spans if one.parent_span_id == parent]
            for one in sorted(children, key=lambda one: (one.start_time_unix_nano, one.name)):
                yield "  " * depth + one.name
                yield from below(one.span_id, depth + 1)

        roots = {one.parent_span_id for one in self.spans} - ids
        return [line for root in roots for line in below(root, 0)]

    def take(self, path: str, body: bytes) -> None:
        if path == "/v1/traces":
            for one in ExportTraceServiceRequest.FromString(body).resource_spans:
                self.resource = attributes(one.resource)
                self.spans += [span for scope in one.scope_spans for span in scope.spans]
        elif path == "/v1/metrics":
            for one in ExportMetricsServiceRequest.FromString(body).resource_metrics:
                self.metrics |= {metric.name: metric for scope in one.scope_metrics for metric in scope.metrics}


class _Handler(BaseHTTPRequestHandler):
    server: Collector

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.headers.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        self.server.headers.append(dict(self.headers))
        if self.server.status == 200:
            self.server.take(self.path, body)
        self.send_response(self.server.status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *words: object) -> None:
        """Say nothing."""


def attributes(one: Any) -> dict[str, Any]:
    """The attributes of a span or resource as plain values."""
    return {pair.key: getattr(pair.value, pair.value.WhichOneof("value")) for pair in one.attributes}


@contextmanager
def collecting(status: int = 200) -> Iterator[Collector]:
    """A receiver during the block."""
    with Collector(status) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
