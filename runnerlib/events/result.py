"""Results of steps, jobs and workflows, as values: outcome, exit code, reason and resources used."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Literal

from runnerlib._util.system import signal_name
from runnerlib._util.values import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

Outcome = Literal["success", "failure", "cancelled", "skipped"]
"""The outcome of a step, as conditions see it (`steps.NAME.outcome`)."""

Cause = Literal[
    "",  # it succeeded
    "exit",  # its own exit code
    "signal",  # killed by a signal that the runner did not send
    "oom",  # killed by the kernel because memory ran out; never guessed from the exit code
    "timeout",  # its own time limit or that of the job
    "no_output",  # it wrote nothing for too long
    "not_started",  # the command could not be executed
    "outputs",  # its output files were unusable, or a declared output is missing
    "runner",  # the runner could not run it
    "tampered",  # the trusted CI source had been changed
    "lost",  # the worker of a fleet that ran it was lost
    "cancelled",  # the job was stopped
    "dependency",  # not run: a step it depends on did not succeed
    "condition",  # not run because of its condition or `when`
    "excluded",  # not run: the command line left it out
    "restored",  # not run again: the result of an earlier run was reused
]

NO_OUTPUTS: Mapping[str, str] = MappingProxyType({})


class Usage(NamedTuple):
    """Resources used by the processes of a step: CPU in seconds, memory and I/O in bytes; None if not known.

    Source: wait4(2) for the step's process and the children it waited for, or the step's control group. The kernel
    counts the runner's own memory as that of each process it starts: so `max_rss` is known where it is more.
    """

    user: float
    system: float
    max_rss: int | None = None
    read: int | None = None
    written: int | None = None

    def __add__(self, other: object) -> Usage:
        """Both together: times and I/O add up, of memory the larger counts."""
        if not isinstance(other, Usage):
            return NotImplemented
        return Usage(
            self.user + other.user,
            self.system + other.system,
            max(self.max_rss or 0, other.max_rss or 0) or None,
            _sum(self.read, other.read),
            _sum(self.written, other.written),
        )


def _sum(one: int | None, other: int | None) -> int | None:
    return None if one is None and other is None else (one or 0) + (other or 0)


class Exports(NamedTuple):
    """Values that a step passes to the steps after it: outputs by name, variables, and directories for PATH."""

    outputs: Mapping[str, str] = NO_OUTPUTS
    env: Mapping[str, str] = NO_OUTPUTS
    path: tuple[str, ...] = ()


NO_EXPORTS = Exports()


class StepOutcome(NamedTuple):
    """The end of one attempt at a step; exit code 128+N for signal N."""

    exit_code: int
    reason: str = ""
    cause: Cause = ""

    @property
    def outcome(self) -> Outcome:
        """Success for exit code 0 without a reason to the contrary."""
        if self.cause == "cancelled":
            return "cancelled"
        if self.cause in {"dependency", "condition", "excluded"}:
            return "skipped"
        return "success" if self.exit_code == 0 else "failure"


class StepResult(NamedTuple):
    """The result of a step. Times are seconds since the epoch, 0 for a step that never ran.

    `attempts` counts the executions; `usage` is that of all of them. `required` is False for a step
    that may fail without failing its job. `worker` is the name of the worker that ran a job of a workflow on a fleet.
    """

    name: str
    outcome: Outcome
    exit_code: int
    reason: str = ""
    cause: Cause = ""
    attempts: int = 0
    started: float = 0.0
    ended: float = 0.0
    usage: Usage | None = None
    outputs: Mapping[str, str] = NO_OUTPUTS
    required: bool = True
    worker: str = ""

    @property
    def success(self) -> bool:
        """True if the step ran and ended with exit code 0."""
        return self.outcome == "success"

    @property
    def duration(self) -> float:
        """Seconds from the first start to the last end, pauses between attempts included."""
        return self.ended - self.started


class JobResult(NamedTuple):
    """The result of a job; `steps` in the order they are written in the job.

    `exit_code` is 0 when every required step succeeded, else that of the first one in written order
    that failed, 124 for the job's time limit, 128+N when signal N stopped the job. `failed_step` is the step that gives
    the job its exit code; empty where it succeeded, or ended for another reason than a step.
    """

    name: str
    exit_code: int
    reason: str
    steps: tuple[StepResult, ...]
    started: float = 0.0
    ended: float = 0.0
    failed_step: str = ""

    @property
    def success(self) -> bool:
        """True if every required step succeeded."""
        return self.exit_code == 0

    @property
    def duration(self) -> float:
        """Seconds from start to end."""
        return self.ended - self.started

    @property
    def interrupted(self) -> bool:
        """True if a signal to the runner stopped the job."""
        return _is_stopped(self.exit_code, self.reason)

    def step(self, name: str) -> StepResult:
        """The result of the step `name`. Raises KeyError."""
        for result in self.steps:
            if result.name == name:
                return result
        raise KeyError(name)


class WorkflowResult(NamedTuple):
    """The result of a workflow; `jobs` has each run of each job, in written order, as a job has its steps.

    `exit_code` is 0 when no job failed, else that of the first in written order that did; 128+N when signal N
    stopped the workflow. `failed_step` is the step that made that job fail, if one did; `failed_job` is the job that
    gives the workflow its exit code, empty where it succeeded or was stopped.
    """

    name: str
    exit_code: int
    reason: str
    jobs: tuple[StepResult, ...]
    started: float = 0.0
    ended: float = 0.0
    failed_step: str = ""
    failed_job: str = ""

    @property
    def success(self) -> bool:
        """True if no job failed."""
        return self.exit_code == 0

    @property
    def interrupted(self) -> bool:
        """True if a signal to the runner stopped the workflow."""
        return _is_stopped(self.exit_code, self.reason)

    @property
    def duration(self) -> float:
        """Seconds from start to end."""
        return self.ended - self.started

    def job(self, name: str) -> StepResult:
        """The result of the job `name`, or of one of its runs, as `build[0]`. Raises KeyError."""
        for result in self.jobs:
            if result.name == name:
                return result
        raise KeyError(name)


def stopped_by(signum: int) -> StepOutcome:
    """The ending of a job or workflow that is stopped because the runner got a signal."""
    return StepOutcome(128 + signum, f"stopped by {signal_name(signum)}", "cancelled")


def _is_stopped(exit_code: int, reason: str) -> bool:
    return exit_code > 128 and reason == stopped_by(exit_code - 128).reason


def ending_of(returncode: int) -> StepOutcome:
    """The ending for a return code as `subprocess` gives it: negative for a signal."""
    if returncode == 0:
        return StepOutcome(0)
    if returncode > 0:
        return StepOutcome(returncode, f"exit code {returncode}", "exit")
    return StepOutcome(128 - returncode, f"killed by {signal_name(-returncode)}", "signal")
