"""Counters, gauges and histograms, and the text that Prometheus reads.

Source: the text format of Prometheus, https://prometheus.io/docs/instrumenting/exposition_formats/.
"""

from __future__ import annotations

from bisect import bisect_left
from typing import TYPE_CHECKING, Any

from runnerlib.errors import one_line
from runnerlib.output.telemetry.families import FAMILIES

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

MOST_SERIES = 200
"""Combinations of labels that a family has; what comes later is counted as `other`."""

_PREFIX = "runnerlib_"
_OTHER = "other"
_LONGEST_LABEL = 120
_ESCAPES = str.maketrans({"\\": r"\\", '"': r"\"", "\n": r"\n"})


class Figures:
    """Figures of families, with their labels. Not thread-safe."""

    def __init__(self) -> None:
        self._values: dict[str, dict[tuple[str, ...], list[float]]] = {}

    def add(self, name: str, *labels: str, amount: float = 1.0) -> None:
        """Add to a counter."""
        self._series(name, labels)[0] += amount

    def set(self, name: str, *labels: str, value: float) -> None:
        """Set a gauge."""
        self._series(name, labels)[0] = value

    def raise_to(self, name: str, *labels: str, value: float) -> None:
        """Set a gauge to a value, unless it is larger already."""
        series = self._series(name, labels)
        series[0] = max(series[0], value)

    def take(self, name: str, *labels: str, seconds: float) -> None:
        """Count a duration in a histogram."""
        series = self._series(name, labels)
        series[bisect_left(FAMILIES[name].buckets, seconds)] += 1
        series[-1] += max(seconds, 0.0)

    def plain(self) -> dict[str, list[list[Any]]]:
        """Return all as a value for JSON, which `merge` takes."""
        return {
            name: [[list(labels), values] for labels, values in found.items()] for name, found in self._values.items()
        }

    def merge(self, plain: Mapping[str, Any]) -> None:
        """Add the figures of another run; its gauges replace those here. Raises ValueError for anything else."""
        for name, found in plain.items():
            family = FAMILIES.get(name)
            if family is None:
                raise ValueError("it has a figure that is not known")
            for labels, values in found:
                series = self._series(name, tuple(map(str, labels)))
                if len(series) != len(values) or len(labels) != len(family.labels):
                    raise ValueError("it has figures of another shape")
                for number, value in enumerate(map(float, values)):
                    series[number] = value if family.kind == "gauge" else series[number] + value

    def text(self) -> str:
        """Return the figures as Prometheus reads them."""
        return "".join(self._lines())

    def _series(self, name: str, labels: Sequence[str]) -> list[float]:
        family, found = FAMILIES[name], self._values.setdefault(name, {})
        key = tuple(map(_label, labels))
        series = found.get(key)
        if series is None:
            if len(found) >= MOST_SERIES:
                key = (_OTHER,) * len(key)
            series = found.setdefault(key, [0.0] * (len(family.buckets) + 2 if family.kind == "histogram" else 1))
        return series

    def _lines(self) -> Iterator[str]:
        for name, family in FAMILIES.items():
            if not (found := self._values.get(name)):
                continue
            yield f"# HELP {_PREFIX}{name} {family.text}\n# TYPE {_PREFIX}{name} {family.kind}\n"
            for labels, values in found.items():
                pairs = [
                    f'{key}="{value.translate(_ESCAPES)}"' for key, value in zip(family.labels, labels, strict=True)
                ]
                if family.kind == "histogram":
                    yield from _histogram(name, pairs, family.buckets, values)
                else:
                    yield f"{_PREFIX}{name}{{{','.join(pairs)}}} {_number(values[0])}\n"


def _histogram(name: str, pairs: list[str], buckets: Sequence[float], values: list[float]) -> Iterator[str]:
    count = 0.0
    for limit, value in zip((*map(_number, buckets), "+Inf"), values, strict=False):
        count += value
        inner = ",".join((*pairs, f'le="{limit}"'))
        yield f"{_PREFIX}{name}_bucket{{{inner}}} {_number(count)}\n"
    inner = ",".join(pairs)
    yield f"{_PREFIX}{name}_sum{{{inner}}} {_number(values[-1])}\n"
    yield f"{_PREFIX}{name}_count{{{inner}}} {_number(count)}\n"


def _label(text: str) -> str:
    """Return a value of a label: one line of bounded length that any reader takes."""
    text = one_line(text[: _LONGEST_LABEL * 4]).encode(errors="replace").decode()
    return text if len(text) <= _LONGEST_LABEL else text[: _LONGEST_LABEL - 1] + "…"


def _number(value: float) -> str:
    return str(int(value)) if value == int(value) and abs(value) < 1e15 else repr(value)
