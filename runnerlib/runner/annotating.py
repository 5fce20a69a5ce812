"""Observers that show the findings of a run in the CI service that it runs in."""

from __future__ import annotations

from typing import TYPE_CHECKING

from runnerlib.output.annotations.service import COMMANDS, ServiceAnnotations
from runnerlib.output.annotations.step_summary import VARIABLE, StepSummary
from runnerlib.runner.environment import without_private
from runnerlib.runner.plan import JobPlan

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from runnerlib.output.console import View
    from runnerlib.output.protocol import Console, Listener
    from runnerlib.runner.plan import RunPlan


def annotating(service: str, plan: RunPlan, view: View, shown: Console) -> Iterator[Listener]:
    """Yield the observers for a service, by its dialect; warnings go to the console `shown`."""

    def warn(text: str) -> None:
        shown.say(f"runnerlib: warning: {text}\n".encode(errors="backslashreplace"))

    if service in COMMANDS and not view.mode.for_programs:
        yield ServiceAnnotations(service, _end_of(view))
    if service == "github" and (path := plan.environ.get(VARIABLE)):
        yield StepSummary(path, "job" if isinstance(plan, JobPlan) else "workflow", warn)
    if service == "buildkite":
        from runnerlib.output.annotations.buildkite import BuildkiteAnnotations

        yield BuildkiteAnnotations(without_private(plan.environ), warn)


def _end_of(view: View) -> Callable[[bytes], None]:
    """Return what shows commands in order with the output; in raw mode that has nothing but the bytes of steps."""
    if not (view.mode.verbatim or view.mode.module == "grouped"):
        return view.streams.out.write
    command: Callable[[bytes], None] = getattr(view.console, "command", view.console.say)
    return command
