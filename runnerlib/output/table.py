"""The table at the end of a run: a row for each step, or job, that fits into the terminal.

  step    outcome    time  attempts     CPU  max RSS  reason
✓ lint    success   1.2 s         1   1.1 s   45 MiB
✗ test    failure  12.0 s         2   9.8 s  310 MiB  exit code 1
· deploy  skipped                                     'test' did not succeed

A column whose cells say nothing is left out. Where there is little room, figures go from the right; then reasons stand
below their rows.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

from runnerlib.errors import one_line
from runnerlib.output.messages import duration, size
from runnerlib.output.text.columns import columns, hanging, padded, shortened, told_apart, wrapped
from runnerlib.output.text.outcomes import ALLOWED, counted, marked, style_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from runnerlib.events.result import StepResult
    from runnerlib.output.capabilities import TerminalCapabilities

    Labels = Mapping[str, str]

# A longer table has only the rows that failed and the slowest ones, at most so many and about so many.
_MOST_ROWS = 20
_MOST_BAD = 40
_FEW = 10
_FEWEST_SLOW = 3
_LONGEST_REASON = 100
_NARROWEST_REASON = 20
_WIDEST_NAME = 40
_NARROWEST_NAME = 12
_REASON = "reason"
_GAP = "  "
_INDENT = "    "


class Column(NamedTuple):
    """A column: its heading, a function that returns the cell of a step, and the cell that says nothing new."""

    heading: str
    cell: Callable[[StepResult], str]
    usual: str = ""


def _time(step: StepResult) -> str:
    return duration(step.duration) if step.started else ""


def _attempts(step: StepResult) -> str:
    return str(step.attempts) if step.attempts else ""


def _cpu(step: StepResult) -> str:
    return duration(step.usage.user + step.usage.system) if step.usage else ""


def _memory(step: StepResult) -> str:
    return size(step.usage.max_rss) if step.usage and step.usage.max_rss is not None else ""


# Columns beside the name, in the colour of the outcome and aligned to the left; then those aligned to the right, of
# which the last ones go first. The reason comes last: it takes the room that is left, in several lines if need be.
_LABELS = (Column("outcome", lambda step: step.outcome),)
_WORKER = Column("worker", lambda step: step.worker)
_FIGURES = (
    Column("time", _time),
    Column("attempts", _attempts, "1"),
    Column("CPU", _cpu),
    Column("max RSS", _memory),
)


def table(
    steps: Sequence[StepResult],
    look: TerminalCapabilities,
    heading: str = "step",
    labels: Labels = MappingProxyType({}),
) -> Iterator[str]:
    """Yield the lines of the table of `steps`; `labels` are the names to show where they are not those of results."""
    width, shown = look.width(), chosen(steps)
    name = _names(shown, look, heading, labels)
    reasons = [_reason(step, look) for step in shown]
    labels_of = [name, *_LABELS, *([_WORKER] if any(step.worker for step in shown) else ())]
    layout = _layout(labels_of, shown, max(map(columns, reasons)), width)
    yield look.paint(f"{_GAP}{layout.heading}", "2")
    for step, label, figures, reason in zip(shown, layout.labels, layout.figures, reasons, strict=True):
        first, *rest = wrapped(reason, layout.room, look.plain("…"))
        row = f"{look.paint(marked(label, step, look), style_of(step).sgr)}{figures}"
        yield f"{row}{_GAP}{first}" if layout.beside else row
        yield from (layout.indent + text for text in (rest if layout.beside else filter(None, (first, *rest))))
    if len(shown) < len(steps):
        seen = set(map(id, shown))
        left_out = [step for step in steps if id(step) not in seen]
        more = f"… {len(left_out)} not shown: {counted(left_out)}"
        yield from hanging(look.plain(more), width, _GAP)


def chosen(steps: Sequence[StepResult]) -> Sequence[StepResult]:
    """Return the steps that get a row, in written order: all, or of many those that failed and the slowest ones."""
    if len(steps) <= _MOST_ROWS:
        return steps
    bad = [number for number, step in enumerate(steps) if step.attempts and step.outcome in {"failure", "cancelled"}]
    del bad[_MOST_BAD:]
    others = sorted(set(range(len(steps))).difference(bad), key=lambda number: (-steps[number].duration, number))
    return [steps[number] for number in sorted((*bad, *others[: max(_FEW - len(bad), _FEWEST_SLOW)]))]


def _names(shown: Sequence[StepResult], look: TerminalCapabilities, heading: str, labels: Labels) -> Column:
    """Return the column of names, which are shortened where they are too wide for the terminal."""
    width = look.width()
    widest = min(_WIDEST_NAME, max(width * 3 // 8, _NARROWEST_NAME)) if width else _WIDEST_NAME
    full = {step.name: one_line(labels.get(step.name, step.name)) for step in shown}
    short = told_apart(full.values(), widest, look.plain("…"))
    return Column(heading, lambda step: short[full[step.name]])


def _reason(step: StepResult, look: TerminalCapabilities) -> str:
    reason = shortened(one_line(step.reason), _LONGEST_REASON, look.plain("…"))
    return reason + " (not required)" * (style_of(step) is ALLOWED)


class _Layout(NamedTuple):
    """The cells of all rows but their reasons; a reason has `room` columns beside its row, or below it."""

    heading: str
    labels: list[str]
    figures: list[str]
    beside: bool
    room: int
    indent: str


def _layout(labels: Sequence[Column], steps: Sequence[StepResult], longest: int, width: int) -> _Layout:
    """Return the widest layout that fits: figures go from the right, then reasons go below, then the outcome goes."""
    speaking = [one for one in _FIGURES if {one.cell(step) for step in steps} - {"", one.usual}]
    for named, beside, least in ((labels, longest > 0, 1), (labels, False, 0), (labels[:1], False, 0)):
        heading, *left = _cells(named, steps, padded)
        for count in range(len(speaking), least - 1, -1):
            headings, *right = _cells(speaking[:count], steps, str.rjust)
            before = len(_GAP) + columns(heading) + columns(headings) + len(_GAP)
            needed = before + max(min(longest, _NARROWEST_REASON), len(_REASON)) if beside else before - len(_GAP)
            if not width or needed <= width:
                end = f"{_GAP}{_REASON}" if beside else ""
                indent = " " * before if beside else _INDENT
                room = max(width - len(indent), 1) if width else 0
                return _Layout(f"{heading}{headings}{end}", left, right, beside, room, indent)
    room = max(width - len(_INDENT), 1)
    return _Layout(heading, left, [""] * len(steps), beside=False, room=room, indent=_INDENT)


def _cells(table: Sequence[Column], steps: Sequence[StepResult], align: Callable[[str, int], str]) -> Iterator[str]:
    """Yield the headings of some columns, then their cells of each step, each as one text of the same width."""
    rows = [[column.heading for column in table], *([column.cell(step) for column in table] for step in steps)]
    widths = [max(map(columns, cells)) for cells in zip(*rows, strict=True)]
    gap = "" if align is padded else _GAP
    for row in rows:
        cells = _GAP.join(align(cell, width) for cell, width in zip(row, widths, strict=True))
        yield f"{gap}{cells}" if cells else ""
