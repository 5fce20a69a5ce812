"""Workflows of GitHub Actions (and of Forgejo and Gitea, which have the same form)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from runnerlib._util.graph import cycle
from runnerlib.pipeline.foreign.github.inputs import inputs
from runnerlib.pipeline.foreign.github.job import Around, concurrency, translated
from runnerlib.pipeline.foreign.github.names import Names
from runnerlib.pipeline.foreign.github.triggers import events
from runnerlib.pipeline.foreign.naming import NameSet
from runnerlib.pipeline.foreign.shell_text import Untranslatable
from runnerlib.pipeline.foreign.source import text_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from runnerlib._util.yaml_nodes import Node
    from runnerlib.pipeline.foreign.source import Entries, Source

_KNOWN = {"name", "on", "env", "defaults", "jobs", "permissions", "concurrency"}


def workflow(source: Source, root: Node) -> dict[Any, Any]:
    """Return a workflow of ours for one of GitHub."""
    entries = source.entries(root, "a workflow")
    for key, entry in entries.items():
        if key not in _KNOWN:
            source.lose(entry.key, f"{key}: not translated")
    jobs = source.mapping(entries, "jobs")
    name = text_of(entries, "name") or _stem(source.name)
    env, defaults = (source.mapping(entries, key) for key in ("env", "defaults"))
    on = source.mapping(entries, "on") if "on" in entries and entries["on"].value.id == "mapping" else {}
    given = inputs(source, on)
    around = Around(source, name, env, defaults, NameSet(), {}, _artifacts(source, jobs), given)
    group = concurrency(source, Names(source, name, name, {}), entries)
    found: dict[str, Any] = {}
    for id_ in _ordered(source, jobs):
        found.update(translated(around, id_, jobs[id_].value))
    return {"name": name, **events(source, entries), "inputs": given, "concurrency": group, "jobs": found}


def _stem(path: str) -> str:
    return path.rpartition("/")[2].rpartition(".")[0] or "workflow"


def _ordered(source: Source, jobs: Entries) -> Iterator[str]:
    """Yield the jobs in written order, each after those that it needs."""
    needs = {id_: source.texts(source.entries(entry.value, "a job"), "needs") for id_, entry in jobs.items()}
    circle = cycle({id_: tuple(one for one in others if one in jobs) for id_, others in needs.items()})
    if circle:
        raise Untranslatable(f"the jobs '{circle[0]}' and '{circle[-1]}', which wait for each other,")
    done: dict[str, None] = {}

    def visit(id_: str) -> None:
        for other in needs.get(id_, ()):
            if other in jobs and other not in done:
                visit(other)
        done[id_] = None

    for id_ in jobs:
        if id_ not in done:
            visit(id_)
    yield from done


def _artifacts(source: Source, jobs: Entries) -> dict[str, list[tuple[str, str]]]:
    """Return the names of the artifacts that each job uploads, with their paths."""
    found: dict[str, list[tuple[str, str]]] = {}
    for id_, entry in jobs.items():
        job = source.entries(entry.value, "a job")
        for node in source.items(job["steps"].value) if "steps" in job else ():
            step = source.entries(node, "a step")
            if text_of(step, "uses").partition("@")[0] == "actions/upload-artifact":
                given = source.mapping(step, "with")
                found.setdefault(id_, []).append((text_of(given, "name") or "artifact", text_of(given, "path")))
    return found
