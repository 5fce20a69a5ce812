"""Files of GitLab CI."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from runnerlib._util.graph import cycle
from runnerlib.pipeline.foreign.gitlab.job import Around, translated, with_defaults
from runnerlib.pipeline.foreign.gitlab.tree import Tree
from runnerlib.pipeline.foreign.naming import NameSet
from runnerlib.pipeline.foreign.shell_text import Untranslatable
from runnerlib.pipeline.foreign.source import text_of

if TYPE_CHECKING:
    from runnerlib._util.yaml_nodes import Node
    from runnerlib.pipeline.foreign.source import Entries, Source

_STAGES = ["build", "test", "deploy"]
_WHY = {
    "include": "other files are not read; what they hold is missing",
    "workflow": "rules for the whole pipeline; `on` would say them to a coordinator",
    "spec": "inputs of a pipeline",
    "types": "an old word for 'stages'",
}


def workflow(source: Source, root: Node) -> dict[Any, Any]:
    """Return a workflow of ours for a file of GitLab."""
    tree = Tree(source, root)
    for key, why in _WHY.items():
        if key in tree.top:
            source.lose(tree.top[key].key, f"{key}: {why}")
    stages = [".pre", *(source.texts(tree.top, "stages") or _STAGES), ".post"]
    jobs: dict[str, Entries] = {}
    stage_of: dict[str, str] = {}
    for name in tree.names():
        if tree.top[name].value.id != "mapping":
            source.lose(tree.top[name].key, f"{name[:100]}: no job")
            continue
        try:
            jobs[name] = with_defaults(tree, tree.job(name))
        except Untranslatable as problem:
            source.lose(tree.top[name].key, f"the job '{name[:100]}': {problem} cannot be translated")
            continue
        stage = text_of(jobs[name], "stage") or "test"
        if stage not in stages:
            source.lose(tree.top[name].key, f"{name[:100]}: its stage '{stage[:100]}' is not in 'stages'")
            stages.insert(-1, stage)
        stage_of[name] = stage
    around = Around(tree, source.mapping(tree.top, "variables"), stages, NameSet(), {}, {}, {}, stage_of)
    found: dict[str, Any] = {}
    for name in _ordered(source, jobs, around):
        found.update(translated(around, name, jobs[name]))
    return {"name": source.name.rpartition("/")[2].removeprefix(".").rpartition(".")[0] or "pipeline", "jobs": found}


def _ordered(source: Source, jobs: dict[str, Entries], around: Around) -> list[str]:
    """Return the names of the jobs by stage, each after those that it needs."""
    by_stage = sorted(jobs, key=lambda name: around.stages.index(around.stage_of[name]))
    needs = {name: tuple(one for one in _needed(source, jobs[name]) if one in jobs) for name in jobs}
    if circle := cycle(needs):
        raise Untranslatable(f"the jobs '{circle[0]}' and '{circle[-2]}', which wait for each other,")
    done: dict[str, None] = {}

    def visit(name: str) -> None:
        for other in needs[name]:
            if other not in done:
                visit(other)
        done[name] = None

    for name in by_stage:
        if name not in done:
            visit(name)
    return list(done)


def _needed(source: Source, entries: Entries) -> list[str]:
    if "needs" not in entries or entries["needs"].value.id != "sequence":
        return []
    found = []
    for node in source.items(entries["needs"].value):
        if node.id == "scalar":
            found.append(node.value)
        elif node.id == "mapping":
            found.append(text_of(source.entries(node, "needs"), "job"))
    return found
