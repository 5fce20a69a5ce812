"""`--exit-code-from`: the exit code of one step or job becomes that of the run."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from runnerlib.events.result import JobResult, StepResult, WorkflowResult

_BY_A_PART = ("step '", "job '")


def code_from(result: JobResult | WorkflowResult, parts: Iterable[StepResult]) -> int:
    """Return the exit code of `parts`, the step, or the runs of the job, that the run takes its code from.

    The run keeps its own code where it ended for another reason than a step or a job (a signal, its time limit, a
    failure of the runner), and where none of them ran to its end.
    """
    if result.exit_code and not result.reason.startswith(_BY_A_PART):
        return result.exit_code
    codes = [part.exit_code for part in parts if part.outcome in {"success", "failure"}]
    return next(filter(None, codes), 0) if codes else result.exit_code
