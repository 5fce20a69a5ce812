"""The graph of a job for the user: by levels as text, or as a Mermaid diagram. Pure; not masked."""

from __future__ import annotations

from typing import TYPE_CHECKING

from runnerlib._util.graph import levels

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

    from runnerlib.pipeline.job import Job, Step

_WIDEST = 60


def as_text(job: Job, kept: Collection[str] = (), left_out: Collection[str] = ()) -> str:
    """Return the steps by level, each with its command and dependencies; steps of a level may run together."""
    graph = job.dependencies()
    steps = {step.name: step for step in job.steps}
    width = max(map(len, graph), default=0)
    lines = ["; ".join((f"job {job.name}: {_counted(len(graph), 'step')}", *listed_secrets(job.secrets)))]
    for number, names in enumerate(levels(graph), 1):
        lines.append(f"level {number}")
        for name in names:
            told = "; ".join(_told(steps[name], graph[name], kept, left_out))
            lines.append(f"  {name:{width}}  {_short(steps[name].shown)}{f'  ({told})' if told else ''}")
    return "\n".join(lines)


def as_mermaid(job: Job, kept: Collection[str] = (), left_out: Collection[str] = ()) -> str:
    """The steps as a Mermaid flowchart; dashed ones do not run."""
    graph = job.dependencies()
    numbers = {name: number for number, name in enumerate(graph)}
    lines = ["flowchart TD"]
    lines += [f'  s{numbers[name]}["{_quoted(name)}"]' for name in graph]
    lines += [f"  s{numbers[other]} --> s{numbers[name]}" for name, others in graph.items() for other in others]
    idle = [f"s{numbers[name]}" for name in graph if name in kept or name in left_out]
    if idle:
        lines += ["  classDef idle stroke-dasharray: 4 4", f"  class {','.join(idle)} idle"]
    return "\n".join(lines)


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"


def _told(step: Step, waits_for: Collection[str], kept: Collection[str], left_out: Collection[str]) -> Iterator[str]:
    if step.name in left_out:
        yield "left out"
    elif step.name in kept:
        yield "done before"
    if waits_for:
        yield f"after {', '.join(waits_for)}"
    yield from _conditions(step)
    if not step.required:
        yield "may fail"
    if step.retry.max:
        yield f"up to {step.retry.max + 1} attempts"
    if step.timeout:
        yield f"at most {step.timeout:g} s"
    yield from ("untrusted",) if step.untrusted else listed_secrets(step.secrets)


def _conditions(step: Step) -> Iterator[str]:
    if step.when:
        yield step.when.replace("_", " ")
    if step.condition:
        yield f"if {step.condition}"


def listed_secrets(secrets: Sequence[str] | None) -> tuple[str, ...]:
    """Return the words about a list of secrets; nothing where there is none."""
    return () if secrets is None else (f"secrets: {', '.join(secrets) or 'none'}",)


def _short(command: str) -> str:
    """The first line of a command, no wider than a terminal has room for."""
    first, *more = command.strip().split("\n")
    return f"{first[: _WIDEST - 1]}…" if more or len(first) > _WIDEST else first


def _quoted(text: str) -> str:
    return text.replace("&", "&amp;").replace('"', "&quot;").replace("<", "&lt;").replace(">", "&gt;")


DRAWINGS: Mapping[str, Callable[[Job, Collection[str], Collection[str]], str]] = {
    "text": as_text,
    "mermaid": as_mermaid,
}
"""The ways to draw a job, by name."""
