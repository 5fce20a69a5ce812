"""Events of a job, as values. Every text in an event is masked before the event is made.

The engine and the runner emit events and do not know the observers: the console, logs, metrics and reports. An event
carries no time: it happens when it is observed.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Literal, Protocol

from runnerlib._util.values import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

    from runnerlib.events.findings import CaseCounts, Finding
    from runnerlib.events.result import JobResult, StepResult, WorkflowResult
    from runnerlib.masking.report import MaskReport


class Notice(NamedTuple):
    """Progress of the runner itself, one line; `phase` is set if a plugin reported it in that phase."""

    text: str
    phase: str = ""


class Warned(NamedTuple):
    """A warning for the user, one line: the job goes on. `step` is empty when it concerns none."""

    text: str
    step: str = ""


class Measured(NamedTuple):
    """Something that the runner did, in seconds since the epoch; emitted only in runs that keep or send figures.

    `kind` and `name` are `queue` and a group, `source` and where it goes, `phase` and one of the run, `hook` and a
    plugin (`phase` is the hook then), or `cache` and a key (`size` is in bytes). `step` and `job` say of which, if of
    one. `outcome` is success or failure; of a cache hit, miss or saved.
    """

    kind: Literal["queue", "source", "phase", "hook", "cache"]
    name: str
    started: float
    ended: float
    outcome: str = "success"
    phase: str = ""
    step: str = ""
    job: str = ""
    size: int = 0


class JobStarted(NamedTuple):
    """A job is about to start. `steps` maps each name to the names it depends on, in written order.

    `labels` are what people read in place of names that have numbers for values: `test (macos, 3.12)` for `test[3]`.
    """

    job: str
    steps: dict[str, tuple[str, ...]]
    labels: Mapping[str, str] = MappingProxyType({})


class StepStarted(NamedTuple):
    """A step's process is about to start, for the `attempt`-th time; `command` is shown as a shell would read it."""

    step: str
    command: str
    attempt: int = 1


class StepOutput(NamedTuple):
    """Bytes a step wrote, masked, in the order they were written; cut anywhere."""

    step: str
    data: bytes


class StepRetrying(NamedTuple):
    """An attempt failed and another one follows after `delay` seconds."""

    step: str
    attempt: int
    reason: str
    delay: float


class Masked(NamedTuple):
    """The secrets hidden in the output of a step, all attempts together; emitted once, and only if there were any."""

    step: str
    report: MaskReport


class ProcessSample(NamedTuple):
    """A process of a step at one moment: its own CPU seconds, those of children that have ended, and its memory."""

    pid: int
    parent: int
    name: str
    cpu: float
    children: float
    rss: int


class Sampled(NamedTuple):
    """The use of a step at one moment, in runs with a profile; `at` is in seconds since the epoch.

    `cpu` seconds, `rss`, `read` and `written` bytes are those of its living processes together, `total` is their
    number; `processes` has at most 100 of them.
    """

    step: str
    at: float
    cpu: float
    rss: int
    read: int
    written: int
    total: int
    processes: tuple[ProcessSample, ...] = ()


class Annotated(NamedTuple):
    """A finding of a step about a line of the source: a failed test of a report, what a problem matcher recognized."""

    step: str
    finding: Finding


class Reported(NamedTuple):
    """The sums of the reports of one kind that a step wrote, after its findings.

    `kind` is junit, tap, sarif or cobertura, `files` how many there were. `cases` are those of tests, `coverage` is the
    share of lines that tests reach, from 0 to 1; None where the kind has none. `findings` counts all of them: at most
    200 are told one by one.
    """

    step: str
    kind: str
    files: int
    findings: int = 0
    cases: CaseCounts | None = None
    coverage: float | None = None


class StepFinished(NamedTuple):
    """A step ended and all its output was emitted, or it is not going to run."""

    result: StepResult


TRIGGERS_PREFIX = "@@runnerlib-triggers/1"
"""The beginning of a line that announces follow-up jobs; the number is the version of the protocol."""


class Triggered(NamedTuple):
    """Follow-up jobs announced on stdout: `message` is JSON on one line, `line` the line that is written.

    A worker reads it, so it is not masked, and is made only when there is nothing to mask in it.
    """

    message: str
    line: bytes


class JobFinished(NamedTuple):
    """Every step has ended."""

    result: JobResult


class WorkflowJobFinished(NamedTuple):
    """A job of a workflow ended, one of its runs if it has several, or is not going to run."""

    result: StepResult


class WorkflowFinished(NamedTuple):
    """Every job of a workflow has ended; emitted after JobFinished, which has the steps of all jobs."""

    result: WorkflowResult


Event = (
    Notice
    | Warned
    | Measured
    | Sampled
    | JobStarted
    | StepStarted
    | StepOutput
    | StepRetrying
    | Masked
    | Annotated
    | Reported
    | StepFinished
    | Triggered
    | JobFinished
    | WorkflowJobFinished
    | WorkflowFinished
)


class Observer(Protocol):
    """Receives every event of a job."""

    def observe(self, event: Event) -> None:
        """Take one event; raises OutputError when events can no longer be delivered."""

    @property
    def congested(self) -> bool:
        """True while the observer wants no more output, until `drain` returns."""

    async def drain(self) -> None:
        """Return once the observer is not congested; raises OutputError as `observe` does."""
