"""`--exit-code-from`: the exit code of one step or job becomes that of the run."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from runnerlib.events.result import JobResult, StepResult, WorkflowResult


def code_from(result: JobResult | WorkflowResult, failed: str, parts: Iterable[StepResult]) -> int:
    """Return the exit code of `parts`, the step, or the runs of the job, that the run takes its code from.

    The run keeps its own code where none of them ran to its end, and where no step or job has `failed` by whose code
    it ended, but a signal, its time limit or the runner.
    """
    if result.exit_code and not failed:
        return result.exit_code
    codes = [part.exit_code for part in parts if part.outcome in {"success", "failure"}]
    return next(filter(None, codes), 0) if codes else result.exit_code
