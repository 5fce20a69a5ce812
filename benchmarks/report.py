"""The masking table: every set of secrets, every kind of text, every engine, in interleaved rounds.

python -m benchmarks.report [--mib 200] [--rounds 7] [--json benchmarks/record/DATE-MACHINE.json]
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, NamedTuple

from benchmarks import engine, machine
from benchmarks.rivals import RIVALS
from benchmarks.timing import take_turns
from benchmarks.workload import Cell, cells

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from benchmarks.engine import Measured
    from benchmarks.workload import Text

# A rival gets as much of the text as it masks in this time, so that a report takes minutes, not days.
ROUND_SECONDS = 0.3

YARDSTICKS = ("memcpy", "memcpy chunks")
OURS = "runnerlib"

# Unchanged chunks handed back; every byte written; with the folded view, where sets are encoded.
OUR_WAYS = (OURS, engine.RunnerlibWritten.name, engine.RunnerlibFolded.name)

# What does not mask at all, and what masks more than the others are asked to.
MORE_OR_LESS = (*YARDSTICKS, engine.RunnerlibFolded.name)


class Row(NamedTuple):
    """The seconds that one engine took in one cell, a figure for each round."""

    cell: str
    engine: str
    bytes: int
    seconds: list[float]

    @property
    def rate(self) -> float:
        """GB/s in the median round."""
        return self.bytes / median(self.seconds) / 1e9


class WrongAnswerError(Exception):
    """An engine's masked text is not what it must be, so that its speed means nothing."""


def measure(cell: Cell, size: int, rounds: int) -> list[Row]:
    """Measure all engines on one text, after comparing their answers."""
    text = cell.text(size)
    ours = engine.Runnerlib(cell.secrets)
    measured: dict[str, tuple[Measured, Text]] = {
        "memcpy": (engine.Memcpy(size), text),
        "memcpy chunks": (engine.MemcpyChunks(), text),
        OURS: (ours, text),
        engine.RunnerlibWritten.name: (engine.RunnerlibWritten(cell.secrets), text),
    }
    if cell.secrets.encoded:
        measured[engine.RunnerlibFolded.name] = engine.RunnerlibFolded(cell.secrets), text
    for rival in RIVALS:
        if (rival.union or cell.is_plain) and not engine.missing(rival):
            compiled = rival(cell.secrets)
            measured[rival.name] = compiled, engine.fitting(compiled, text, ROUND_SECONDS)
    for name, (masking, piece) in measured.items():
        if name not in MORE_OR_LESS and engine.digest(masking, piece) != engine.digest(ours, piece):
            raise WrongAnswerError(f"{name} and {OURS} mask '{cell.name}' differently")
    seconds = take_turns({name: _run(*pair) for name, pair in measured.items()}, rounds)
    return [Row(cell.name, name, len(measured[name][1].whole), seconds[name]) for name in measured]


def _run(masking: Measured, text: Text) -> Callable[[], float]:
    return lambda: engine.seconds(masking, text)


def table(rows: Iterable[Row], rivals: Iterable[str]) -> str:
    """Format the rows of one cell: GB/s, share of memcpy, and how many times a rival's speed ours is."""
    rates = {row.engine: row.rate for row in rows}
    cells = [f"{rates['memcpy']:.1f}", f"{rates['memcpy chunks']:.1f}"]
    for name in OUR_WAYS:
        cells.append(f"**{_figure(rates[name])}** ({rates[name] / rates['memcpy']:.0%})" if name in rates else "-")
    for name in rivals:
        cells.append(f"{_figure(rates[name])} ({_factor(rates[OURS] / rates[name])})" if name in rates else "-")
    return " | ".join(cells)


def _figure(rate: float) -> str:
    """Three digits, never in the notation that nobody compares at a glance."""
    return f"{rate:.3g}" if rate >= 0.001 else f"{rate:.6f}"


def _factor(ratio: float) -> str:
    return f"{ratio:.1f}x" if ratio < 10 else f"{ratio:,.0f}x"


def main() -> None:
    """Measure, print, record."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.report", description=__doc__)
    parser.add_argument("--mib", type=int, default=200, help="size of each text (default: %(default)s)")
    parser.add_argument("--rounds", type=int, default=7, help="rounds for each cell (default: %(default)s)")
    parser.add_argument("--json", type=Path, help="file for the record of every round")
    options = parser.parse_args()

    here = machine.describe()
    rivals = [rival.name for rival in RIVALS if not engine.missing(rival)]
    _print(f"{here['cpu']}, Linux {here['kernel']}, Python {here['python']}, {here['date']}\n")
    _print(f"{options.mib} MiB, {options.rounds} rounds; GB/s, median. In brackets: of ours, the share of memcpy;")
    _print("of a rival, how many times its speed ours is.\n")
    for rival in RIVALS:
        if reason := engine.missing(rival):
            _print(f"Without {rival.name}: {reason}.\n")
    names = ["secrets, text", *YARDSTICKS, *OUR_WAYS, *rivals]
    _print(f"| {' | '.join(names)} |\n|{'---|' * len(names)}")
    rows: list[Row] = []
    for cell in cells():
        found = measure(cell, options.mib << 20, options.rounds)
        _print(f"| {cell.name} | {table(found, rivals)} |")
        rows += found
    if options.json:
        record = {**here, "mib": options.mib, "rounds": options.rounds, "rows": [row._asdict() for row in rows]}
        options.json.write_text(json.dumps(record, indent=1) + "\n")


def _print(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
