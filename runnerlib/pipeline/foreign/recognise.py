"""Recognition of files of other systems, by their path and their keys."""

from __future__ import annotations

import re
import shlex
from pathlib import PurePath
from typing import TYPE_CHECKING

from runnerlib._util.yaml_nodes import DocumentError, Node, compose
from runnerlib.errors import one_line

if TYPE_CHECKING:
    from collections.abc import Iterator

GITHUB, GITLAB, WOODPECKER = "GitHub workflow", "GitLab CI file", "Woodpecker workflow"
FOREIGN_TAGS = ("!reference",)

PLACES = (
    *(".github/workflows", ".gitlab-ci.yml", ".gitlab-ci.yaml"),
    *(".woodpecker", ".woodpecker.yml", ".woodpecker.yaml"),
)
"""The files and directories of a project in which other systems look for theirs."""

_OURS_IN_JOB = {"command", "depends_on", "condition", "runs_on", "for_each", "job_file", "allow_failure"}
_GITLAB_TOP = {"stages", "before_script", "after_script", "default", "include", "spec"}
_REFERENCE = re.compile(r"^\s*(?:- |[\w.-]+: ).*!reference \[", re.MULTILINE)


def told(text: str, name: str) -> str:
    """Return a sentence on a file of another system and how to go on; '' for any other file."""
    kind = kind_of(text, name)
    if not kind:
        return ""
    shown = shlex.quote(one_line(name))
    return f"this is a {kind}; `runnerlib import {shown}` prints what it is as a workflow of runnerlib"


def kind_of(text: str, name: str) -> str:
    """Return GITHUB, GITLAB or WOODPECKER; '' for a file of none of them."""
    try:
        root = compose(text, FOREIGN_TAGS)
    except DocumentError:
        return by_path(name) or (GITLAB if _REFERENCE.search(text) else "")
    if root is None or root.id != "mapping":
        return ""
    return by_path(name) or _by_keys(root)


def by_path(name: str) -> str:
    """Return the kind of a file by where it lies; '' where that does not tell."""
    path = PurePath(name)
    if path.parent.match(".github/workflows"):
        return GITHUB
    if path.name in {".gitlab-ci.yml", ".gitlab-ci.yaml"}:
        return GITLAB
    if path.name in {".woodpecker.yml", ".woodpecker.yaml"} or path.parent.name == ".woodpecker":
        return WOODPECKER
    return ""


def _by_keys(root: Node) -> str:
    top = _entries(root)
    if "jobs" in top:
        return GITHUB if _is_github(top) else ""
    if "steps" in top or "pipeline" in top:
        steps = [_entries(item) for item in _items(top.get("steps") or top["pipeline"])]
        return WOODPECKER if any("image" in step and {"commands", "settings"} & step.keys() for step in steps) else ""
    if {"job", "command"} & top.keys() and not any("script" in _entries(one) for one in top.values()):
        return ""
    jobs = [_entries(value) for key, value in top.items() if key not in {"workflow", "job"}]
    scripts = any({"script", "trigger"} & job.keys() and not {"command", "steps"} & job.keys() for job in jobs)
    return GITLAB if scripts or len(_GITLAB_TOP & top.keys()) > 1 else ""


def _is_github(top: dict[str, Node]) -> bool:
    jobs = [_entries(job) for job in _items(top["jobs"])]
    steps = [_entries(step) for job in jobs if "steps" in job for step in _items(job["steps"])]
    if any(_OURS_IN_JOB & job.keys() for job in jobs) or any({"depends_on", "condition"} & one.keys() for one in steps):
        return False
    return any({"runs-on", "uses"} & job.keys() for job in jobs) or any("uses" in step for step in steps)


def _entries(node: Node) -> dict[str, Node]:
    """Return the entries of a mapping, with those that `<<` merges in; none for anything else."""
    found: dict[str, Node] = {}
    for key, value in node.value if node.id == "mapping" else ():
        if key.tag.endswith(":merge"):
            for other in value.value if value.id == "sequence" else [value]:
                found = {**{k.value: v for k, v in (other.value if other.id == "mapping" else ())}, **found}
        elif key.id == "scalar":
            found[key.value] = value
    return found


def _items(node: Node) -> Iterator[Node]:
    """Yield the items of a list, or the values of a mapping."""
    if node.id == "sequence":
        yield from node.value
    elif node.id == "mapping":
        yield from (value for _, value in node.value)
