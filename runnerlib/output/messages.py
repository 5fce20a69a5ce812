"""Messages of the runner about events, the same in every mode, and numbers with units."""

from __future__ import annotations

from typing import TYPE_CHECKING

from runnerlib.errors import one_line

if TYPE_CHECKING:
    from runnerlib.events import StepRetrying, StepStarted
    from runnerlib.events.result import JobResult, StepResult, WorkflowResult


def command(event: StepStarted) -> str:
    """Return the message about a command, as `$ make test`, and the number of an attempt after the first.

    Further lines of a command are indented, so that none of them looks like what the runner says.
    """
    text = event.command.rstrip("\n").replace("\n", "\n    ")  # a block of YAML ends with a line break
    return f"$ {text}" if event.attempt == 1 else f"$ {text}  (attempt {event.attempt})"


def retrying(event: StepRetrying) -> str:
    """Return the message about the next attempt: the reason and the delay."""
    reason = one_line(event.reason)
    return f"attempt {event.attempt} failed: {reason}; the next one follows in {duration(event.delay)}"


def finished(result: StepResult, *, timed: bool = True) -> str:
    """Return the result of a step in a few words, and its duration."""
    took = duration(result.duration) if timed and result.started else ""
    if result.cause == "restored" and result.reason:
        return one_line(result.reason)
    if result.success:
        return f"succeeded in {took}" if took else "succeeded"
    word = "failed" if result.outcome == "failure" else result.outcome
    allowed = result.outcome == "failure" and not result.required
    after = f" after {took}" if took else ""
    reason = f": {one_line(result.reason)}" if result.reason else ""
    return f"{word}{after}{reason}" + " (the job does not require it)" * allowed


def ended(noun: str, result: JobResult | WorkflowResult, where: str = "") -> str:
    """Return how a job or workflow ended, as `job 'ci' failed after 2.0 s`; `where` says where, if it failed."""
    name = f"{noun} '{one_line(result.name)}'"
    took = duration(result.duration) if result.started else ""
    if result.success:
        return f"{name} succeeded" + f" in {took}" * bool(took)
    after = f" after {took}" * bool(took)
    if result.interrupted:
        return f"{name} interrupted{after} {result.reason.removeprefix('stopped ')}"
    return f"{name} failed{after}{where}"


def duration(seconds: float) -> str:
    """`4 ms`, `0.4 s`, `12.3 s`, `2m 05s`, `1h 02m 05s`."""
    if 0.0005 <= seconds < 0.0995:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 59.95:
        return f"{max(seconds, 0):.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}h {minutes:02}m {rest:02}s" if hours else f"{minutes}m {rest:02}s"


def size(count: int) -> str:
    """`512 B`, `45 KiB`, `1.5 GiB`."""
    if count < 1024:
        return f"{count} B"
    figure = float(count)
    for unit in ("KiB", "MiB", "GiB", "TiB"):
        figure /= 1024
        if figure < 1023.5 or unit == "TiB":
            break
    return f"{figure:.1f} {unit}" if figure < 9.95 else f"{figure:.0f} {unit}"
