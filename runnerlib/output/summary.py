"""Summary of a job, of which the end is the verdict: a table, the last lines of what failed, and one headline.

  step    outcome    time  attempts     CPU  max RSS  reason
✓ lint    success   1.2 s         1   1.1 s   45 MiB
✗ test    failure  12.0 s         2   9.8 s  310 MiB  exit code 1
· deploy  skipped                                     'test' did not succeed

✗ test: exit code 1
  │ E   assert 1 == 2

masked 15 times: DEPLOY_TOKEN 12, registered at run time 3

✗ job 'ci' failed after 13.2 s at 'test': 1 failed, 1 passed, 1 skipped
  log:   job/artifacts/logs/test.log
  go on: runnerlib run --job-file job.yaml --resume
"""

from __future__ import annotations

import os
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

from runnerlib.errors import one_line
from runnerlib.events import Annotated, JobFinished, JobStarted, Masked, Measured, Reported, Sampled
from runnerlib.events.forwarding import UnbufferedObserver
from runnerlib.output.failure_tails import FailureTails, tails_of
from runnerlib.output.messages import duration, ended
from runnerlib.output.table import table
from runnerlib.output.text.columns import hanging, shortened
from runnerlib.output.text.outcomes import CANCELLED, FAILED, PASSED, WARNING, counted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from runnerlib.events import Event
    from runnerlib.events.result import JobResult, StepResult, WorkflowResult
    from runnerlib.masking.report import MaskReport
    from runnerlib.output.capabilities import TerminalCapabilities
    from runnerlib.output.findings_summary import FindingsSummary
    from runnerlib.output.history.estimate import EarlierRuns
    from runnerlib.output.hook_times import HookTimes
    from runnerlib.output.profile import Profile

_LONGEST_LINE = 200
_MOST_SLOW = 5


class Ways(NamedTuple):
    """Ways on from the summary: `log` returns the path of a step's log, `resume` is the command that goes on."""

    log: Callable[[str], str] | None = None
    resume: Callable[[int], Sequence[str]] | None = None


class Summary(UnbufferedObserver):
    """Writes a summary with `say` when the job has finished; it comes after the console in `FanOut`.

    With `console_told`, as in raw mode, a job of one step is not repeated; of one that failed only the log is named.
    With `earlier` runs it says what took longer than usual.
    """

    heading = "step"
    noun = "job"

    def __init__(
        self,
        say: Callable[[bytes], None],
        look: TerminalCapabilities,
        ways: Ways = Ways(),  # noqa: B008 - immutable
        *,
        console_told: bool = False,
        earlier: EarlierRuns | None = None,
    ) -> None:
        self._say = say
        self._look = look
        self._ways = ways
        self._console_told = console_told
        self._earlier = earlier
        self._hooks: HookTimes | None = None
        self._profile: Profile | None = None
        self._tails = FailureTails()
        self._labels: Mapping[str, str] = MappingProxyType({})
        self._masked: MaskReport | None = None
        self._findings: FindingsSummary | None = None

    def observe(self, event: Event) -> None:
        """Record an event; write the summary at the end."""
        match event:
            case JobStarted():
                self._labels = event.labels
            case Masked():
                self._masked = self._masked + event.report if self._masked else event.report
            case Annotated() | Reported():
                if self._findings is None:
                    from runnerlib.output.findings_summary import FindingsSummary  # few steps have some

                    self._findings = FindingsSummary()
                self._findings.observe(event)
            case Measured():
                if event.kind == "hook":
                    self._hooks = self._hooks or self._hook_times()
                    self._hooks.add(event)
            case Sampled():
                self._profile = self._profile or self._new_profile()
                self._profile.add(event)
            case JobFinished():
                self.conclude(event.result)
            case _:
                self._tails.observe(event)

    @staticmethod
    def _hook_times() -> HookTimes:
        from runnerlib.output.hook_times import HookTimes  # few runs have plugins

        return HookTimes()

    @staticmethod
    def _new_profile() -> Profile:
        from runnerlib.output.profile import Profile  # few runs have one

        return Profile()

    def conclude(self, job: JobResult) -> None:
        """Write the summary of a job that has finished."""
        if len(job.steps) == 1 and self._console_told and not (self._findings or self._profile):
            failed = [step.name for step in job.steps if step.attempts and step.outcome == "failure"]
            if failed and self._ways.log is not None:
                self.say_lines([f"runnerlib: the full log is {self._ways.log(failed[0])}"])
            return
        self.say_lines([*self.whole(job, job.steps, job.steps)])

    def whole(
        self, result: JobResult | WorkflowResult, rows: Sequence[StepResult], steps: Sequence[StepResult]
    ) -> Iterator[str]:
        """Yield the lines of a summary: `rows` are those of the table, `steps` those whose last lines may be shown."""
        yield ""
        yield from table(rows, self._look, self.heading, self._labels)
        yield from tails_of(steps, self._tails, self._look, self._labels, self._ways.log)
        if self._findings is not None:
            yield from self._findings.lines(self._look, self._labels)
        if self._masked is not None:
            yield ""
            text = shortened(one_line(self._masked.summary()), _LONGEST_LINE, self._look.plain("…"))
            yield from hanging(text, self._look.width(), "", "  ")
        for lines in (self._hooks and self._hooks.lines(), self._profile and self._profile.lines()):
            if found := list(lines or ()):
                yield ""
                yield from found
        if self._earlier is not None:
            yield from self._unusual(self._earlier, result, steps)
        yield ""
        yield from self._headline(result, rows)
        yield from self._ways_on(result, steps)

    def say_lines(self, lines: list[str]) -> None:
        """Show lines."""
        self._say("".join(f"{line.rstrip()}\n" for line in lines).encode(errors="backslashreplace"))

    def _unusual(
        self, earlier: EarlierRuns, result: JobResult | WorkflowResult, steps: Sequence[StepResult]
    ) -> Iterator[str]:
        """Yield which steps took longer than usual, and the usual time of the whole."""
        estimates = earlier.of(result.name)
        if estimates is None:
            return
        slow = estimates.slow(one._replace(name=self._labels.get(one.name, one.name)) for one in steps)
        if slow or estimates.total is not None:
            yield ""
        for one in slow[:_MOST_SLOW]:
            text = f"slower than usual: '{one.name}' took {duration(one.seconds)}, usually {duration(one.usual)}"
            for line in hanging(one_line(text), self._look.width(), "", "  "):
                yield self._look.paint(line, WARNING)
        if len(slow) > _MOST_SLOW:
            yield f"slower than usual: {len(slow) - _MOST_SLOW} more"
        if estimates.total is not None:
            yield f"usual time: {duration(estimates.total)}, by {estimates.runs} runs that succeeded"

    def _headline(self, result: JobResult | WorkflowResult, rows: Sequence[StepResult]) -> Iterator[str]:
        style = PASSED if result.success else CANCELLED if result.interrupted else FAILED
        text = one_line(f"{ended(self.noun, result, self._where(result, rows))}: {counted(rows)}")
        for line in hanging(text, self._look.width(), f"{self._look.plain(style.mark)} "):
            yield self._look.paint(line, f"1;{style.sgr}")

    def _where(self, result: JobResult | WorkflowResult, rows: Sequence[StepResult]) -> str:
        """Return at which step, or job, it failed: the one that has its exit code."""
        if result.success or result.interrupted:
            return ""
        root = next((step for step in rows if step.required and step.outcome == "failure"), None)
        if root is None:
            return f" ({result.reason})" if result.reason else ""
        return f" at '{self._labels.get(root.name, root.name)}'"

    def _ways_on(self, result: JobResult | WorkflowResult, steps: Sequence[StepResult]) -> Iterator[str]:
        """Yield where the log is, and the command that goes on, unless all is well."""
        logged = [step.name for step in steps if step.outcome == "failure" and self._tails.wrote(step.name)]
        if self._ways.log is not None and len(logged) == 1:
            yield f"  log:   {self._ways.log(logged[0])}"
        elif self._ways.log is not None and logged:
            yield f"  logs:  {os.path.dirname(self._ways.log(logged[0]))}/"
        if self._ways.resume is not None and not result.success:
            width = self._look.width()
            first, *more = self._ways.resume(max(width - len("  go on: "), 1) if width else 0)
            yield f"  go on: {first}"
            yield from (f"         {line}" for line in more)
