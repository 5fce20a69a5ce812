"""Switches of OpenTelemetry: the standard variables, and the setting `otel`.

Source: https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/.
"""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import unquote

from runnerlib.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from runnerlib.output.log.trace_context import Parent

INSTALL = "pip install 'runnerlib[otel]'"
ENDPOINT = "OTEL_EXPORTER_OTLP_ENDPOINT"
HEADERS = ("OTEL_EXPORTER_OTLP_HEADERS", "OTEL_EXPORTER_OTLP_TRACES_HEADERS", "OTEL_EXPORTER_OTLP_METRICS_HEADERS")
_MODULES = {"http/protobuf": "http", "grpc": "grpc"}


_SAMPLERS = {
    f"{prefix}{name}" for prefix in ("", "parentbased_") for name in ("always_on", "always_off", "traceidratio")
}


class Signals(NamedTuple):
    """The signals that are exported, and the package that has the exporter of each; `problem` is why nothing is."""

    traces: str = ""
    metrics: str = ""
    problem: str = ""


def signals(environ: Mapping[str, str], setting: str) -> Signals:
    """Return which signals a run exports. Raises ConfigError where it must, and the library is missing."""
    asked = {name: _protocol(environ, name.upper(), forced=setting == "on") for name in ("traces", "metrics")}
    missing = next((problem for name in asked.values() if name and (problem := _missing(name))), "")
    if missing and setting == "on":
        raise ConfigError(f"otel is 'on', and {missing}: {INSTALL}")
    if missing:
        return Signals(problem=f"the environment asks for OpenTelemetry, and {missing}: {INSTALL}, or --otel off")
    return Signals(*asked.values())


def secrets_of(environ: Mapping[str, str]) -> list[str]:
    """Return the values of headers, which are mostly credentials; of `Bearer TOKEN` the token, too."""
    found = []
    for name in HEADERS:
        for pair in environ.get(name, "").split(","):
            value = unquote(pair.partition("=")[2].strip())
            found += [value, *value.split(" ")[1:]]
    return [value for value in found if value]


def sampled(environ: Mapping[str, str], parent: Parent | None, trace_id: str) -> bool:
    """Return whether the sampler that the environment names records a trace, as the SDK would decide.

    An unknown sampler is the usual one: as the parent says, and always without a parent.
    """
    name = environ.get("OTEL_TRACES_SAMPLER", "").strip().lower()
    if name not in _SAMPLERS:
        name = "parentbased_always_on"
    if name.startswith("parentbased_") and parent is not None:
        return parent.sampled
    if not name.endswith("traceidratio"):
        return name.endswith("always_on")
    try:
        ratio = float(environ.get("OTEL_TRACES_SAMPLER_ARG") or 1)
    except ValueError:
        ratio = 1.0
    return int(trace_id[16:], 16) < ratio * (1 << 64)


def patience(environ: Mapping[str, str]) -> float | None:
    """Return the seconds that a receiver has, where `OTEL_EXPORTER_OTLP_TIMEOUT` says it, in milliseconds."""
    text = environ.get("OTEL_EXPORTER_OTLP_TIMEOUT", "").strip()
    return int(text) / 1000 if text.isascii() and text.isdigit() else None


def _protocol(environ: Mapping[str, str], signal: str, *, forced: bool) -> str:
    """Return the protocol of a signal; "" if it is not exported."""
    exporter = environ.get(f"OTEL_{signal}_EXPORTER", "").strip()
    endpoint = environ.get(f"OTEL_EXPORTER_OTLP_{signal}_ENDPOINT") or environ.get(ENDPOINT)
    if environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
        return ""
    if exporter not in {"", "otlp"} or not (exporter or endpoint or forced):
        return ""
    own = environ.get(f"OTEL_EXPORTER_OTLP_{signal}_PROTOCOL", "")
    return (own or environ.get("OTEL_EXPORTER_OTLP_PROTOCOL", "")).strip() or "http/protobuf"


def _missing(protocol: str) -> str:
    """Return what is missing for a protocol, in words; "" if nothing is."""
    if protocol not in _MODULES:
        return f"the protocol of OTLP is none of {', '.join(_MODULES)}"
    package = f"opentelemetry-exporter-otlp-proto-{_MODULES[protocol]}"
    for name, module in (
        ("opentelemetry-sdk", "opentelemetry.sdk"),
        (package, f"opentelemetry.exporter.otlp.proto.{_MODULES[protocol]}"),
    ):
        try:
            found = find_spec(module) is not None
        except ModuleNotFoundError:
            found = False
        if not found:
            return f"{name} is not installed"
    return ""
