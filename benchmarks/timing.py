"""Figures that a noisy machine cannot spoil: rounds that take turns, and ratios of their medians."""

from __future__ import annotations

from statistics import median
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pytest_benchmark.fixture import BenchmarkFixture

T = TypeVar("T")


def take_turns(runs: Mapping[str, Callable[[], T]], rounds: int) -> dict[str, list[T]]:
    """Run each in every round; what they return.

    Every other round goes backwards: a machine that slows down meanwhile treats nobody better.
    """
    results: dict[str, list[T]] = {name: [] for name in runs}
    for number in range(rounds):
        for name in reversed([*runs]) if number % 2 else runs:
            results[name].append(runs[name]())
    return results


def note_ratios(benchmark: BenchmarkFixture, ours: str, results: Mapping[str, list[float]]) -> None:
    """Put how many times as long as each of the others `ours` took into a benchmark's record."""
    for name, seconds in results.items():
        if name != ours:
            benchmark.extra_info[f"{ours} / {name}"] = round(median(results[ours]) / median(seconds), 3)
