"""Turns a record into what people read: `python -m benchmarks.publish benchmarks/record/FILE.json`.

Writes the chart `docs/performance.svg` and the table in `docs/performance.md`. Every figure comes from the
record, the median of its rounds.
"""

from __future__ import annotations

import json
import re
import sys
from math import log10
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.report import OUR_WAYS, OURS, YARDSTICKS, Row, table

DOCS = Path(__file__).parents[1] / "docs"
PAGE, CHART = DOCS / "performance.md", DOCS / "performance.svg"
_TABLE = re.compile(r"(?<=<!-- table -->\n).*(?=<!-- end of table -->)", re.DOTALL)

# The scale of the chart in GB/s: three decades, with a line at each.
_LOW, _HIGH = 0.01, 30.0
_COLOURS = {
    OURS: "#0b7a3b",
    "runnerlib folded": "#5fae82",
    "hyperscan": "#4f6d8f",
    "ahocorasick_rs": "#8f7a4f",
    "re": "#999999",
}
_SETS = {
    "1 clean": "1 secret",
    "10 clean": "10 secrets",
    "100 clean": "100 secrets",
    "1000 clean": "1,000 secrets",
    "10000 clean": "10,000 secrets",
    "100 encoded clean": "100 secrets, every encoding",
}
_LEFT, _WIDTH, _BAR, _GAP, _TOP = 190, 560, 13, 14, 56


class Record(NamedTuple):
    """Measurements, and the machine where they were made."""

    where: dict[str, Any]
    rows: list[Row]

    def rate(self, cell: str, engine: str) -> float | None:
        """GB/s of an engine in a cell; None when it was not measured there."""
        return next((row.rate for row in self.rows if (row.cell, row.engine) == (cell, engine)), None)


def read(path: Path) -> Record:
    """Read a record as `benchmarks.report` writes it."""
    content = json.loads(path.read_text(encoding="utf-8"))
    rows = [Row(**row) for row in content.pop("rows")]
    return Record(content, rows)


def latest() -> Path:
    """The newest record; their names begin with the date."""
    return max((Path(__file__).parent / "record").glob("*.json"))


def page(record: Record, text: str) -> str:
    """`text` with the table of the record."""
    measured = dict.fromkeys(row.engine for row in record.rows)
    rivals = [name for name in measured if name not in {*YARDSTICKS, *OUR_WAYS}]
    names = ["secrets, text", *YARDSTICKS, *OUR_WAYS, *rivals]
    where = record.where
    lines = [
        (
            f"{where['cpu']}, Python {where['python']}, {where['date'][:10]}; "
            f"{where['mib']} MiB, {where['rounds']} rounds.\n"
        ),
        f"| {' | '.join(names)} |",
        "|---" * len(names) + "|",
    ]
    for cell in dict.fromkeys(row.cell for row in record.rows):
        rows = [row for row in record.rows if row.cell == cell]
        lines.append(f"| {cell} | {table(rows, rivals)} |")
    return _TABLE.sub(lambda _: "\n".join(lines) + "\n", text)


def chart(record: Record) -> str:
    """The speed on clean text as bars on a logarithmic scale, as SVG."""
    parts: list[str] = []
    y = _TOP
    for cell, label in _SETS.items():
        parts.append(_text(_LEFT - 10, y + 2 * _BAR, label, "end"))
        for engine, colour in _COLOURS.items():
            parts += _bar(y, engine, colour, record.rate(cell, engine))
            y += _BAR
        y += _GAP
    grid = [_line(value, y) for value in (0.01, 0.1, 1, 10)]
    height = y + 34
    title = "Masking a clean CI log, GB/s (longer is faster; each line is ten times the one before)"
    where, copied = record.where, record.rate("1 clean", "memcpy")
    source = f"{where['cpu']}, {where['date'][:10]}; memory copies {copied:.0f} GB/s"
    box = f"0 0 {_LEFT + _WIDTH + 110} {height}"
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="{box}" font-family="sans-serif">',
            _background(height),
            _text(16, 24, title, "start", 15),
            *grid,
            *parts,
            _text(16, height - 10, source, "start", 11),
            "</svg>\n",
        ]
    )


def _background(height: int) -> str:
    return f'<rect width="{_LEFT + _WIDTH + 110}" height="{height}" fill="#ffffff"/>'


def _bar(y: int, engine: str, colour: str, rate: float | None) -> list[str]:
    if rate is None:
        return []
    end = max(_place(rate), _LEFT + 2)
    figure = f"{rate:.3g}" if rate >= _LOW else f"{rate:.1g}"
    weight = ' font-weight="bold"' if engine == OURS else ""
    return [
        f'<rect x="{_LEFT}" y="{y}" width="{end - _LEFT:.0f}" height="{_BAR - 2}" fill="{colour}"/>',
        f'<text x="{end + 5:.0f}" y="{y + _BAR - 4}" font-size="10"{weight}>{engine} {figure}</text>',
    ]


def _place(rate: float) -> float:
    share = (log10(max(rate, _LOW)) - log10(_LOW)) / (log10(_HIGH) - log10(_LOW))
    return _LEFT + _WIDTH * share


def _line(value: float, bottom: int) -> str:
    x = _place(value)
    label = _text(x, 46, f"{value:g} GB/s", "middle", 10)
    return f'<line x1="{x:.0f}" x2="{x:.0f}" y1="{_TOP - 4}" y2="{bottom - _GAP}" stroke="#dddddd"/>{label}'


def _text(x: float, y: float, text: str, anchor: str, size: int = 12) -> str:
    return f'<text x="{x:.0f}" y="{y:.0f}" font-size="{size}" text-anchor="{anchor}">{text}</text>'


def main() -> None:
    """Publish the record that is named, or the latest."""
    record = read(Path(sys.argv[1]) if len(sys.argv) > 1 else latest())
    PAGE.write_text(page(record, PAGE.read_text(encoding="utf-8")), encoding="utf-8")
    CHART.write_text(chart(record), encoding="utf-8")


if __name__ == "__main__":
    main()
