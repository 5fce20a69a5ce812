"""The end of a run: what its steps and plugins triggered is handed over, if the job ended well."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from runnerlib.delivery.handing import Verdict, hand_over
from runnerlib.delivery.sink import counted
from runnerlib.errors import Interrupted, RunnerError
from runnerlib.events import Notice, Triggered, Warned
from runnerlib.trigger.channel import channels, named
from runnerlib.trigger.file import remove
from runnerlib.trigger.message import message
from runnerlib.trigger.spool import append, collect, spool_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from runnerlib.delivery.sink import Sink
    from runnerlib.events import Event
    from runnerlib.plan import RunPlan
    from runnerlib.result import JobResult
    from runnerlib.trigger.job_trigger import JobTrigger


def deliver(
    plan: RunPlan,
    spools: Sequence[Path],
    result: JobResult,
    tell: Callable[[Event], object],
    sinks: Sequence[Sink] = (),
) -> JobResult:
    """Hand over what is in `spools`, and what an earlier run could not; the result of the job after that.

    What happens is told as events, masked. Blocks until the channels have taken it or the time for that is
    over; a signal raises Interrupted. With the setting `triggers_required` a job whose follow-up jobs could
    not be told has failed.
    """
    mask = plan.masker.mask_string

    def forget() -> None:
        for spool in spools:
            remove(spool)

    try:
        triggers = [trigger for spool in spools for trigger in collect(spool)]
        if not result.success and plan.config.triggers_when == "success":
            for told in _held_back(triggers, plan, sinks):
                tell(Warned(mask(told)))
            return result
        outer = spool_of(plan.request.environ)
        if outer is not None:  # a run inside of a step: the job that this one is a part of has to end well, too
            if triggers:
                append(outer, triggers)
            forget()
            return result
        given = message([one.to_dict() for one in triggers]) if triggers else None
        verdict = hand_over(
            given,
            channels(plan.config, plan.workspace),
            mask,
            lambda text, line: tell(Triggered(text, line)),
            sinks,
            forget,
        )
    except Interrupted:
        raise
    except RunnerError as error:
        left = [str(spool) for spool in spools if os.path.lexists(spool)]
        kept = f"\nthey are kept in {named(left)}" if left else ""
        verdict = Verdict(problem=f"{error}{kept}")
    for done in verdict.done:
        tell(Notice(mask(f"triggers: {done}")))
    return result if verdict.success else undelivered(plan, result, verdict.problem, tell)


def _held_back(triggers: Sequence[JobTrigger], plan: RunPlan, sinks: Sequence[Sink]) -> Iterator[str]:
    """A job that failed triggers nothing. A run that goes on with it later may; a command has no such run."""
    if plan.is_command:
        remove(plan.spool)
    if triggers:
        names = named(one.job_name for one in triggers)
        yield f"triggers: {counted(len(triggers))} not told of because the job failed: {names}"
    used = channels(plan.config, plan.workspace)
    if os.path.lexists(used.file) and (sinks or used.names != ("file",)):
        yield f"triggers: what is in '{used.file}' waits for the next run here that succeeds, which sends it"


def undelivered(plan: RunPlan, result: JobResult, problem: str, tell: Callable[[Event], object]) -> JobResult:
    """The result of a job whose follow-up jobs were not told of, because of `problem`; lines, told as warnings."""
    for line in problem.splitlines():
        tell(Warned(plan.masker.mask_string(f"triggers: {line}")))
    if not plan.config.triggers_required or not result.success:
        return result
    return result._replace(exit_code=RunnerError.exit_code, reason="its follow-up jobs could not be told of")
