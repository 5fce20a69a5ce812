"""Records of a run and its steps, as the report needs them: attempts, the end, and what was said about it."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

from runnerlib.errors import one_line
from runnerlib.output.findings_summary import described, percent
from runnerlib.output.report.page.log_chunks import Chunks, StepLog

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from runnerlib.events import Reported
    from runnerlib.events.findings import Finding
    from runnerlib.events.result import JobResult, StepResult, WorkflowResult
    from runnerlib.masking.report import MaskReport
    from runnerlib.output.report.page.last_run import Brief

_LONGEST_COMMAND = 8_000
_MOST_WARNINGS = 20
_MOST_NOTES = 1000
_NONE: Mapping[str, str] = MappingProxyType({})


class About(NamedTuple):
    """Facts of a run that are in no event; `environment` is asked at the end, when all secrets are known.

    `version` is that of the runner. `rules` are the conditions under which steps run, by name. `log` returns the path
    of a step's log; `mask` hides secrets in a text that an earlier run has left.
    """

    version: str = ""
    environment: Callable[[], Sequence[tuple[str, str]]] = tuple
    rules: Callable[[], Mapping[str, str]] = dict
    log: Callable[[str], str] = str
    mask: Callable[[str], str] = str


class StepRecord:
    """A step: `name` is that of events, `waits_for` has those of others."""

    def __init__(self, name: str, waits_for: Sequence[str]) -> None:
        self.name = name
        self.waits_for = waits_for
        self.command = ""
        self.attempts: list[list[Any]] = []  # begin, end, why it failed
        self.warnings: list[str] = []
        self.findings: list[Finding] = []
        self.reports: list[Reported] = []
        self.masked: MaskReport | None = None
        self.log: StepLog | None = None
        self.result: StepResult | None = None

    def start(self, now: float, command: str) -> None:
        """Record the beginning of an attempt."""
        self.command = command[:_LONGEST_COMMAND] + "…" * (len(command) > _LONGEST_COMMAND)
        self.attempts.append([now, None, ""])

    def fail(self, now: float, reason: str, said: str) -> None:
        """Record the end of an attempt that another one follows."""
        if self.attempts:
            self.attempts[-1][1:] = [now, one_line(reason)]
        if self.log is not None:
            self.log.say(said)

    def write(self, data: bytes, chunks: Chunks) -> None:
        """Record output."""
        if self.log is None:
            self.log = StepLog(chunks)
        self.log.feed(data)

    def warn(self, text: str) -> None:
        """Record a warning."""
        if len(self.warnings) < _MOST_WARNINGS:
            self.warnings.append(one_line(text))

    def finish(self, result: StepResult | None) -> None:
        """Record the end; None for a step that was still running when the run ended."""
        self.result = result
        if self.attempts and self.attempts[-1][1] is None and result is not None:
            self.attempts[-1][1] = result.ended
        if self.log is not None:
            self.log.end()

    def ready(self, ended: Mapping[str, float], began: float) -> float:
        """Return when the last of the steps it waits for had ended, in seconds since the epoch."""
        return max((ended[other] for other in self.waits_for if other in ended), default=began)

    def data(self, numbers: Mapping[str, int], shown: str, rule: str, ready: float) -> dict[str, Any]:
        """Return what the page needs, with names of other steps as numbers; empty values are left out."""
        result, log, usage = self.result, self.log, self.result.usage if self.result else None
        found: dict[str, Any] = {
            "name": shown,
            "outcome": result.outcome if result else "unfinished",
            "optional": result is not None and not result.required,
            "code": result.exit_code if result and result.attempts else None,
            "reason": one_line(result.reason) if result else "",
            "cause": result.cause if result else "",
            "began": result.started if result and result.started else (self.attempts[0][0] if self.attempts else None),
            "ended": result.ended if result and result.started else None,
            "ready": ready,
            "attempts": self.attempts,
            "after": [numbers[other] for other in self.waits_for if other in numbers],
            "rule": rule,
            "command": _readable(self.command),
            "warnings": self.warnings,
            "findings": [[one.level, one_line(described(one))] for one in self.findings],
            "reports": [[one.kind, _sums(one)] for one in self.reports],
            "worker": one_line(result.worker) if result else "",
            "masked": [[one_line(row.rule), row.marks] for row in self.masked.by_rule()] if self.masked else [],
            "cpu": round(usage.user + usage.system, 4) if usage else None,
            "rss": usage.max_rss if usage else None,
            "read": usage.read if usage else None,
            "written": usage.written if usage else None,
            "lines": log.lines if log else 0,
            "size": log.size if log else 0,
            "log": log.segments if log else [],
        }
        return {key: value for key, value in found.items() if value not in (None, "", [], False)}


class RunRecord:
    """A run: `before` has the figures of the last one, `notes` are messages of the runner with their times."""

    def __init__(self, about: About, before: Brief | None, began: float) -> None:
        self.about = about
        self.before = before
        self.began = began
        self.ended = 0.0
        self.noun = "job"
        self.name = ""
        self.labels: Mapping[str, str] = _NONE
        self.steps: dict[str, StepRecord] = {}
        self.jobs: list[StepResult] = []
        self.notes: list[tuple[float, str, str]] = []
        self.result: JobResult | WorkflowResult | None = None
        self.chunks = Chunks()

    def step(self, name: str) -> StepRecord:
        """Return the record of a step, a new one for that of a job that a loop multiplied when the run had begun."""
        step = self.steps.get(name)
        if step is None:
            step = self.steps[name] = StepRecord(name, ())
        return step

    def note(self, now: float, kind: str, text: str) -> None:
        """Record a message of the runner; `kind` is `warning` or nothing."""
        if len(self.notes) < _MOST_NOTES:
            self.notes.append((now, kind, one_line(text)))

    def finish(self, result: JobResult | WorkflowResult, now: float) -> None:
        """Record the end."""
        self.result = result
        self.began, self.ended = result.started or self.began, result.ended or now
        self.name = self.name or result.name


def _sums(report: Reported) -> str:
    """Return the sums of reports in words."""
    if report.coverage is not None:
        return f"{percent(report.coverage)} of the lines are covered"
    return report.cases.summary() if report.cases is not None else f"{report.findings} findings"


def _readable(text: str) -> str:
    return "\n".join(map(one_line, text.split("\n"))) if "\n" in text else one_line(text)


def critical_path(steps: Mapping[str, StepRecord]) -> list[str]:
    """Return the steps that decided how long the run took, in the order they ran.

    They lead from the one that ended last to what each waited for the longest.
    """
    ended = {name: step.result.ended for name, step in steps.items() if step.result and step.result.started}
    if not ended:
        return []
    path = [max(ended, key=lambda name: ended[name])]
    while before := [other for other in steps[path[-1]].waits_for if other in ended]:
        path.append(max(before, key=lambda name: ended[name]))
    return path[::-1]


def shown_names(names: Sequence[str], labels: Mapping[str, str]) -> dict[str, str]:
    """Return what people read for each name, different for each."""
    found: dict[str, str] = {}
    taken: set[str] = set()
    for name in names:
        text = one_line(labels.get(name, name))
        text = text if len(text) <= 300 else f"{text[:300]}…"
        number, free = 1, text
        while free in taken:
            number += 1
            free = f"{text} ({number})"
        taken.add(free)
        found[name] = free
    return found
