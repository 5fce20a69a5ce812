"""The last lines of steps that failed, kept while a job runs and shown at its end."""

from __future__ import annotations

from typing import TYPE_CHECKING

from runnerlib.errors import one_line, printable
from runnerlib.events import StepFinished, StepOutput, StepStarted
from runnerlib.output.text.ansi import text_only
from runnerlib.output.text.columns import hanging, shortened, wrapped
from runnerlib.output.text.lines import final
from runnerlib.output.text.outcomes import style_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from runnerlib.events import Event
    from runnerlib.events.result import StepResult
    from runnerlib.output.capabilities import TerminalCapabilities

# Bytes kept of each step, and the steps that failed of which they are kept.
_TAIL = 1 << 14
_MOST_STEPS = 40
# Lines of one step, and about so many of all, of which each step has a few.
_MOST_LINES = 20
_LINES_OF_ALL = 100
_FEWEST_LINES = 3
_LONGEST_LINE = 400
_TAB = 8


class FailureTails:
    """Keeps the last bytes that each running or failed step wrote; memory is bounded for any number of failures."""

    def __init__(self) -> None:
        self._kept: dict[str, bytes] = {}
        self._failed: set[str] = set()

    def observe(self, event: Event) -> None:
        """Record the output of an attempt, and drop that of a step that did not fail."""
        match event:
            case StepOutput():
                data = event.data
                before = b"" if len(data) >= _TAIL else self._kept.get(event.step, b"")
                self._kept[event.step] = (before + data)[-_TAIL:]
            case StepStarted():
                self._kept.pop(event.step, None)
            case StepFinished():
                self._finish(event.result)

    def wrote(self, step: str) -> bool:
        """Return whether a failed step wrote something in its last attempt, so that it has a log."""
        return bool(self._kept.get(step))

    def lines(self, step: str, most: int = _MOST_LINES) -> list[str]:
        """Return the last lines of a failed step as plain text, without empty ones at the end."""
        data = self._kept.get(step, b"")
        lines = text_only(final([data] if data else [])).split("\n")[:-1]
        while lines and not lines[-1].strip():
            lines.pop()
        if len(data) == _TAIL and len(lines) > 1:
            del lines[0]  # its beginning is not there
        return [printable(line).expandtabs(_TAB) for line in lines[-most:]]

    def _finish(self, result: StepResult) -> None:
        if result.outcome == "failure" and len(self._failed) < _MOST_STEPS:
            self._failed.add(result.name)
        else:
            self._kept.pop(result.name, None)


def tails_of(
    steps: Sequence[StepResult],
    tails: FailureTails,
    look: TerminalCapabilities,
    labels: Mapping[str, str],
    path: Callable[[str], str] | None,
) -> Iterator[str]:
    """Yield a paragraph for each failed step: its reason, its last lines behind a bar, and the path of its log.

    The path is left out where there is only one log, as the last lines of the summary have it.
    """
    failed = [step for step in steps if step.outcome == "failure"]
    logged = {step.name for step in failed if tails.wrote(step.name)} if path is not None else set()
    most = min(max(_LINES_OF_ALL // max(len(failed), 1), _FEWEST_LINES), _MOST_LINES)
    for step in failed[:_MOST_STEPS]:
        yield ""
        yield from _heading(step, look, labels)
        yield from _behind_bar(tails.lines(step.name, most), style_of(step).sgr, look)
        if path is not None and len(logged) > 1 and step.name in logged:
            yield f"  {path(step.name)}"
    if len(failed) > _MOST_STEPS:
        yield ""
        yield from hanging(look.plain(f"… {len(failed) - _MOST_STEPS} more have failed"), look.width(), "  ")


def _heading(step: StepResult, look: TerminalCapabilities, labels: Mapping[str, str]) -> Iterator[str]:
    style = style_of(step)
    name = one_line(labels.get(step.name, step.name))
    text = f"{name}: {one_line(step.reason)}" if step.reason else name
    for line in hanging(text, look.width(), f"{look.plain(style.mark)} "):
        yield look.paint(line, style.sgr)


def _behind_bar(lines: Sequence[str], sgr: str, look: TerminalCapabilities) -> Iterator[str]:
    """Yield lines of output, each behind a bar that goes on beside its further rows on the screen."""
    bar, mark = look.plain("│"), look.plain("…")
    before = f"  {look.paint(bar, sgr)} "
    room = max(look.width() - len(f"  {bar} "), 1) if look.width() else 0
    for line in lines:
        yield from (before + row for row in wrapped(shortened(line, _LONGEST_LINE, mark), room, mark))
