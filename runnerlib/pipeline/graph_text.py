"""The graph of a job or a workflow for people: by levels as text, or as a Mermaid diagram. Pure; not masked."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

from runnerlib._util.graph import levels
from runnerlib.errors import one_line
from runnerlib.output.text.columns import columns, hanging, padded, shortened, told_apart

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

    from runnerlib.pipeline.job import Job, Step
    from runnerlib.pipeline.job.cache import Cache
    from runnerlib.pipeline.job.concurrency import Concurrency

    Graph = Mapping[str, Sequence[str]]

NO_NOTES: Mapping[str, Sequence[str]] = MappingProxyType({})
_WIDEST = 60
_WIDEST_NAME = 40
_NARROWEST_NAME = 12
# Where a command would have less, it stands below the name.
_NARROWEST_COMMAND = 20


class Node(NamedTuple):
    """A step or job of a graph: its command, how it runs, and whether and why it does not, if so."""

    command: str
    how: Sequence[str] = ()
    idle: str = ""


def graph_as_text(title: str, graph: Graph, nodes: Mapping[str, Node], width: int = 0, mark: str = "…") -> str:
    """Return the nodes by level, each with its command and below it how it runs; those of a level may run together.

    No line has more than `width` columns; 0 is no limit.
    """
    widest = min(max(width * 3 // 8, _NARROWEST_NAME), _WIDEST_NAME) if width else _WIDEST_NAME
    names = told_apart(map(one_line, graph), widest, mark)
    shown = max(map(columns, names.values()), default=0)
    lines = hanging(title, width, "", "  ")
    for number, level in enumerate(levels(graph), 1):
        lines.append(f"level {number}")
        for name in level:
            lines += _lines(names[one_line(name)], shown, nodes[name], width, mark)
    return "\n".join(lines)


def _lines(name: str, names: int, node: Node, width: int, mark: str) -> Iterator[str]:
    indent = names + 4
    below = 0 < width < indent + _NARROWEST_COMMAND
    if below:
        indent = 4
        yield f"  {name}"
    room = width - indent if width else _WIDEST
    before = " " * indent if below else f"  {padded(name, names)}  "
    yield before + _one_line(node.command, room, mark)
    for text in ("; ".join(node.how), node.idle):
        if text:
            yield from hanging(one_line(text), width, " " * indent)


def _one_line(command: str, width: int, mark: str) -> str:
    """Return the first line of a command in so many columns; the mark says that there is more."""
    first, *more = command.strip().split("\n")
    return shortened(one_line(first) + mark * bool(more), width, mark)


def graph_as_mermaid(
    graph: Graph, idle: Collection[str], prefix: str, notes: Mapping[str, Sequence[str]] = NO_NOTES, title: str = ""
) -> str:
    """Return the graph as a Mermaid flowchart; nodes in `idle`, which do not run, are dashed.

    The `notes` of a node are lines below its name.
    """
    numbers = {name: f"{prefix}{number}" for number, name in enumerate(graph)}
    labels = {name: "<br>".join(map(_quoted, (name, *notes.get(name, ())))) for name in graph}
    head = title.replace("\\", "\\\\").replace('"', '\\"')
    lines = ["---", f'title: "{head}"', "---"] if title else []
    lines += ["flowchart TD", *(f'  {number}["{labels[name]}"]' for name, number in numbers.items())]
    lines += [f"  {numbers[other]} --> {numbers[name]}" for name, others in graph.items() for other in others]
    dashed = [numbers[name] for name in graph if name in idle]
    if dashed:
        lines += ["  classDef idle stroke-dasharray: 4 4", f"  class {','.join(dashed)} idle"]
    return "\n".join(lines)


def _quoted(text: str) -> str:
    return text.replace("&", "&amp;").replace('"', "&quot;").replace("<", "&lt;").replace(">", "&gt;")


def counted(count: int, noun: str) -> str:
    """Return a number of things, as `1 step` or `2 steps`."""
    return f"{count} {noun}{'' if count == 1 else 's'}"


def as_text(job: Job, kept: Collection[str] = (), left_out: Collection[str] = (), width: int = 0) -> str:
    """Return the steps by level, with what would not run."""
    graph = job.dependencies()
    idle = {**dict.fromkeys(kept, "done before"), **dict.fromkeys(left_out, "left out")}
    nodes = {
        step.name: Node(step.shown, tuple(_how(step, graph[step.name])), idle.get(step.name, "")) for step in job.steps
    }
    told = (*listed_secrets(job.secrets), *around_of(job))
    title = "; ".join((f"job {one_line(job.name)}: {counted(len(graph), 'step')}", *told))
    return graph_as_text(title, graph, nodes, width) + origins_as_text(job.origins, width)


def origins_as_text(origins: Mapping[str, str], width: int = 0) -> str:
    """Return lines with the places of values that come from elsewhere; nothing where there are none."""
    if not origins:
        return ""
    by_place: dict[str, list[str]] = {}
    for key, place in origins.items():
        by_place.setdefault(place, []).append(key)
    texts = (f"{one_line(', '.join(keys))}: from {one_line(place)}" for place, keys in by_place.items())
    lines = [line for text in texts for line in hanging(text, width, "  ")]
    return "\n".join(["", "where values come from", *lines])


def as_mermaid(job: Job, kept: Collection[str] = (), left_out: Collection[str] = (), width: int = 0) -> str:  # noqa: ARG001
    """Return the steps as a Mermaid flowchart; dashed ones do not run."""
    notes = {step.name: (*limited_to(step), *_kept(step)) for step in job.steps}
    return graph_as_mermaid(job.dependencies(), {*kept, *left_out}, "s", notes, "; ".join(around_of(job)))


def _how(step: Step, waits_for: Collection[str]) -> Iterator[str]:
    if waits_for:
        yield f"after {', '.join(waits_for)}"
    yield from _conditions(step)
    if not step.required:
        yield "may fail"
    if step.retry.max:
        yield f"up to {step.retry.max + 1} attempts"
    if step.timeout:
        yield f"at most {step.timeout:g} s"
    yield from limited_to(step)
    yield from ("untrusted",) if step.untrusted else listed_secrets(step.secrets)
    yield from _kept(step)


def limited_to(step: Step) -> Iterator[str]:
    """Yield what resources a step may use; nothing without limits."""
    if step.resources:
        from runnerlib._util.resources import limits_of  # for the few steps that have some

        yield f"limited to {limits_of(step.resources).shown}"


def _kept(step: Step) -> Iterator[str]:
    """Yield what is kept for a step from run to run."""
    yield from kept_files(step.cache)
    if step.problem_matchers:
        yield f"problem matchers: {', '.join(step.problem_matchers)}"
    if step.reports:
        yield f"reports: {', '.join(step.reports)}"
    if step.sources:
        yield f"skipped while its sources are as they were: {', '.join(step.sources)}"


def around_of(job: Job) -> tuple[str, ...]:
    """Return the words about what is around the steps of a job: its group, services and caches."""
    services = (
        f"service {one.name}{f' in {one.image}' if one.image else ''}: {one_line(one.shown)}" for one in job.services
    )
    return *in_group(job.concurrency), *services, *kept_files(job.cache)


def in_group(concurrency: Concurrency | None) -> tuple[str, ...]:
    """Return the words about a concurrency group; nothing without one."""
    if concurrency is None:
        return ()
    how = "stops those before it" if concurrency.cancel else "one at a time"
    return (f"group {one_line(concurrency.group)}: {how}",)


def kept_files(caches: Sequence[Cache]) -> tuple[str, ...]:
    """Return the words about caches; nothing where there is none."""
    return tuple(f"cache {one_line(cache.key)}: {', '.join(cache.paths)}" for cache in caches)


def _conditions(step: Step) -> Iterator[str]:
    if step.when:
        yield step.when.replace("_", " ")
    if step.condition:
        yield f"if {step.condition}"


def listed_secrets(secrets: Sequence[str] | None) -> tuple[str, ...]:
    """Return the words about a list of secrets; nothing where there is none."""
    return () if secrets is None else (f"secrets: {', '.join(secrets) or 'none'}",)


DRAWINGS: Mapping[str, Callable[[Job, Collection[str], Collection[str], int], str]] = {
    "text": as_text,
    "mermaid": as_mermaid,
}
"""The ways to draw a job, by name."""
