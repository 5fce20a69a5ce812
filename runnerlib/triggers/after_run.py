"""Delivery after a run: the jobs that its steps and plugins triggered, if it ended well."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import TYPE_CHECKING, Protocol

from runnerlib._util.locked_file import remove
from runnerlib.errors import Interrupted, RunnerError
from runnerlib.events import Notice, Triggered, Warned
from runnerlib.triggers.channels import channels, named, required
from runnerlib.triggers.delivery import Verdict, hand_over
from runnerlib.triggers.message import message
from runnerlib.triggers.sinks import counted
from runnerlib.triggers.spool import Spooled, append, collect, spool_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from runnerlib._util.paths import Workspace
    from runnerlib.config import RunnerConfig
    from runnerlib.events import Event
    from runnerlib.events.result import JobResult
    from runnerlib.triggers.channels import Channels
    from runnerlib.triggers.job_trigger import JobTrigger
    from runnerlib.triggers.sinks import Sink

    Mask = Callable[[str], str]


class FinishedRun(Protocol):
    """The parts of a run's plan that matter once its job has ended."""

    @property
    def environ(self) -> Mapping[str, str]: ...
    @property
    def config(self) -> RunnerConfig: ...
    @property
    def workspace(self) -> Workspace: ...
    @property
    def spool(self) -> Path: ...
    @property
    def is_command(self) -> bool: ...


def deliver(
    plan: FinishedRun,
    mask: Mask,
    spools: Sequence[Path],
    result: JobResult,
    tell: Callable[[Event], object],
    sinks: Sequence[Sink] = (),
) -> JobResult:
    """Deliver the jobs in `spools`, and those that an earlier run could not; return the job's result after that.

    Progress is reported as events, masked. Blocks until the channels have taken the jobs or the time for that is over;
    a signal raises Interrupted. A job whose follow-up jobs could not be delivered has failed where a coordinator is
    known, or the setting `triggers_required` says so.
    """
    problems: list[str] = []
    try:
        found = sum((collect(spool) for spool in spools), Spooled())
        problems += found.problems
        verdict = _handed_on(plan, mask, spools, found, result, tell, sinks)
    except Interrupted:
        raise
    except RunnerError as error:
        left = [str(spool) for spool in spools if os.path.lexists(spool)]
        kept = f"\nthey are kept in {named(left)}" if left else ""
        verdict = Verdict(problem=f"{error}{kept}")
    for done in verdict.done:
        tell(Notice(mask(f"triggers: {done}")))
    for warning in verdict.warnings:
        tell(Warned(mask(f"triggers: {warning}")))
    return undelivered(plan, mask, result, [*problems, *verdict.problem.splitlines()], tell)


def _handed_on(
    plan: FinishedRun,
    mask: Mask,
    spools: Sequence[Path],
    found: Spooled,
    result: JobResult,
    tell: Callable[[Event], object],
    sinks: Sequence[Sink],
) -> Verdict:
    """Deliver the jobs `found` in the spools, which are removed once the jobs are kept; return the verdict."""

    def forget() -> None:
        for spool in spools:
            remove(spool)

    if not result.success and plan.config.triggers_when == "success":
        return Verdict(warnings=tuple(_held_back(found.triggers, plan, sinks)))
    outer = spool_of(plan.environ)
    if outer is not None:  # a run inside of a step: its outer job has to succeed, too
        if found.triggers:
            append(outer, found.triggers, insecure=found.insecure)
        forget()
        return Verdict()
    return hand_over(
        message([one.to_dict() for one in found.triggers]) if found.triggers else None,
        _channels(plan, insecure=found.insecure),
        mask,
        lambda text, line: tell(Triggered(text, line)),
        sinks,
        forget,
    )


def _channels(plan: FinishedRun, *, insecure: bool) -> Channels:
    """Return the channels of a run; the sender of a job may allow plain http for the token."""
    used = channels(plan.config, plan.workspace)
    return used._replace(config=replace(used.config, allow_insecure_transport=True)) if insecure else used


def _held_back(triggers: Sequence[JobTrigger], plan: FinishedRun, sinks: Sequence[Sink]) -> Iterator[str]:
    """Yield notices about the jobs of a failed run, which triggers none.

    A run that resumes the job may trigger them later; a command has no such run, and its spool is removed.
    """
    if plan.is_command:
        remove(plan.spool)
    if triggers:
        names = named(one.job_name for one in triggers)
        yield f"{counted(len(triggers))} not submitted because the job failed: {names}"
    used = channels(plan.config, plan.workspace)
    if os.path.lexists(used.file) and (sinks or used.names != ("file",)):
        yield f"what is in '{used.file}' waits for the next run here that succeeds, which sends it"


def undelivered(
    plan: FinishedRun, mask: Mask, result: JobResult, problems: Sequence[str], tell: Callable[[Event], object]
) -> JobResult:
    """Return the result of a job with undelivered follow-up jobs; report each of `problems` as a warning."""
    for line in problems:
        tell(Warned(mask(f"triggers: {line}")))
    if not problems or not result.success or not required(plan.config):
        return result
    return result._replace(exit_code=RunnerError.exit_code, reason="its follow-up jobs could not be submitted")
