"""Summary of a job: what failed first and why, its last lines, then every step in a table.

job 'ci' failed: step 'test': exit code 1
its last lines:
  │ E   assert 1 == 2
the full log is artifacts/logs/test.log

  step      outcome    attempts      time       CPU   max RSS  reason
✓ lint      success           1     1.2 s     1.1 s    45 MiB
✗ test      failure           2    12.0 s     9.8 s   310 MiB  exit code 1
· deploy    skipped           0                                'test' did not succeed

masked 15 times: DEPLOY_TOKEN 12, registered at run time 3
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from runnerlib.errors import one_line, printable
from runnerlib.events import JobFinished, Masked, StepFinished, StepOutput, StepStarted
from runnerlib.events.forwarding import UnbufferedObserver
from runnerlib.output.text.ansi import text_only
from runnerlib.output.text.columns import columns, padded, shortened, told_apart
from runnerlib.output.text.lines import final
from runnerlib.output.text.messages import duration, size
from runnerlib.output.text.outcomes import marked

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from runnerlib.events import Event
    from runnerlib.events.result import JobResult, StepResult
    from runnerlib.masking.report import MaskReport
    from runnerlib.output.capabilities import TerminalCapabilities

_LAST_LINES = 20
_TAIL = 1 << 14
_LONGEST_LINE = 200
_LONGEST_REASON = 100
_NARROWEST_REASON = 20
_WIDEST_NAME = 40


class Column(NamedTuple):
    """A column of the table: its heading, and a function that returns the cell of a step."""

    heading: str
    cell: Callable[[StepResult], str]


def _attempts(step: StepResult) -> str:
    return str(step.attempts) if step.attempts else ""


def _time(step: StepResult) -> str:
    return duration(step.duration) if step.started else ""


def _cpu(step: StepResult) -> str:
    return duration(step.usage.user + step.usage.system) if step.usage else ""


def _memory(step: StepResult) -> str:
    return size(step.usage.max_rss) if step.usage and step.usage.max_rss is not None else ""


# Columns beside the name, in the colour of the outcome and aligned to the left; then those aligned to the right. The
# reason comes last: it takes the room that is left, in several lines if need be.
_LABELS = (Column("outcome", lambda step: step.outcome),)
_FIGURES = (Column("attempts", _attempts), Column("time", _time), Column("CPU", _cpu), Column("max RSS", _memory))


class Summary(UnbufferedObserver):
    """Writes a summary with `say` when the job has finished; it comes after the console in `FanOut`.

    `path` returns where the full log of a step is, if logs are kept. With `console_told`, as in raw mode, a job of one
    step is not repeated; of one that failed only the log is named.
    """

    heading = "step"

    def __init__(
        self,
        say: Callable[[bytes], None],
        look: TerminalCapabilities,
        path: Callable[[str], str] | None = None,
        *,
        console_told: bool = False,
    ) -> None:
        self._say = say
        self.look = look
        self._path = path
        self._console_told = console_told
        self._tails: dict[str, bytes] = {}
        self._masked: MaskReport | None = None

    def observe(self, event: Event) -> None:
        """Record an event; write the summary at the end."""
        match event:
            case StepOutput():
                data = event.data
                kept = b"" if len(data) >= _TAIL else self._tails.get(event.step, b"")
                self._tails[event.step] = (kept + data)[-_TAIL:]
            case StepStarted():
                self._tails.pop(event.step, None)
            case Masked():
                self._masked = self._masked + event.report if self._masked else event.report
            case StepFinished() if event.result.outcome != "failure":
                self._tails.pop(event.result.name, None)
            case JobFinished():
                self.say_lines([*self._told(event.result)])

    def say_lines(self, lines: list[str]) -> None:
        """Show lines, if there are any."""
        if lines:
            self._say("".join(f"{told.rstrip()}\n" for told in lines).encode(errors="backslashreplace"))

    def _told(self, job: JobResult) -> Iterator[str]:
        root = _root_cause(job)
        if len(job.steps) == 1 and self._console_told:
            if root is not None and root.attempts and self._path is not None:
                yield f"runnerlib: the full log is {self._path(root.name)}"
            return
        yield ""
        yield self._headline(job, root)
        if root is not None:
            yield from self.last_lines(root.name)
        yield ""
        yield from self.table(job.steps)
        yield from self.told_masked()

    def told_masked(self) -> Iterator[str]:
        """Yield the lines about masked secrets, if any were masked."""
        if self._masked is not None:
            yield ""
            yield shortened(one_line(self._masked.summary()), _LONGEST_LINE, self.look.plain("…"))

    def _headline(self, job: JobResult, root: StepResult | None) -> str:
        name = f"job '{one_line(job.name)}'"
        took = duration(job.duration) if job.started else ""
        if job.success:
            return self.look.paint(f"{name} succeeded" + f" in {took}" * bool(took), "1;32")
        reason = root.reason if root is not None else job.reason
        where = f"step '{root.name}': " if root is not None else ""
        return self.look.paint(
            one_line(f"{name} failed" + f" after {took}" * bool(took) + f": {where}{reason}"), "1;31"
        )

    def last_lines(self, step: str) -> Iterator[str]:
        """Yield the last lines of a step that failed, and the path of its full log."""
        data = self._tails.get(step, b"")
        lines = text_only(final([data] if data else [])).split("\n")[:-1]
        while lines and not lines[-1].strip():
            lines.pop()
        if len(data) == _TAIL and len(lines) > 1:
            del lines[0]  # its beginning is not there
        if lines:
            yield f"its last line{'s' * (len(lines) > 1)}:"
        bar = self.look.paint(self.look.plain("│"), "31")
        for last in lines[-_LAST_LINES:]:
            yield f"  {bar} {shortened(printable(last), _LONGEST_LINE, self.look.plain('…'))}"
        if self._path is not None and data:
            yield f"the full log is {self._path(step)}"

    def table(self, steps: Sequence[StepResult]) -> Iterator[str]:
        """Yield the table of steps, or jobs: outcome, time and resources of each."""
        names = told_apart((one_line(step.name) for step in steps), _WIDEST_NAME, self.look.plain("…"))
        labels = [Column(self.heading, lambda step: names[one_line(step.name)]), *_LABELS]
        heading, *left = _cells(labels, steps, padded)
        headings, *right = _cells(_FIGURES, steps, str.rjust)
        before = 2 + columns(heading) + 2 + columns(headings) + 2
        yield self.look.paint(f"  {heading}  {headings}  reason", "2")
        for step, label, figures in zip(steps, left, right, strict=True):
            allowed = step.outcome == "failure" and not step.required
            reason = shortened(one_line(step.reason), _LONGEST_REASON, self.look.plain("…"))
            first, *rest = _wrapped(reason + " (not required)" * allowed, self.look.width() - before)
            yield f"{marked(label, step, self.look)}  {figures}  {first}"
            yield from (" " * before + text for text in rest)


def _cells(table: Sequence[Column], steps: Sequence[StepResult], align: Callable[[str, int], str]) -> Iterator[str]:
    """Yield the headings of some columns, then their cells of each step, each as one text of the same width."""
    rows = [[column.heading for column in table], *([column.cell(step) for column in table] for step in steps)]
    widths = [max(map(columns, cells)) for cells in zip(*rows, strict=True)]
    for row in rows:
        yield "  ".join(align(cell, width) for cell, width in zip(row, widths, strict=True))


def _wrapped(reason: str, room: int) -> list[str]:
    """Return a reason as lines of so many columns; one line if the column would be too narrow to read."""
    if columns(reason) <= room or room < _NARROWEST_REASON:
        return [reason]
    lines = [""]
    for word in reason.split(" "):
        longer = f"{lines[-1]} {word}".lstrip()
        if columns(longer) <= room:
            lines[-1] = longer
        else:
            lines.append(word)
    return [text for text in lines if text] or [""]


def _root_cause(job: JobResult) -> StepResult | None:
    """Return the step that gives the job its exit code: the first required one, in written order, that failed."""
    if job.success:
        return None
    return next((step for step in job.steps if step.required and step.outcome == "failure"), None)
