"""Inputs of a file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from runnerlib.pipeline.job.inputs import Input
from runnerlib.pipeline.job_file import parsers

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from runnerlib.pipeline.job_file.nodes import Node
    from runnerlib.pipeline.job_file.reader import Reading

INPUT_KINDS: Mapping[str, Callable[[Reading, Node], Any]] = {
    "type": parsers.text,
    "default": parsers.text,
    "options": parsers.names,
    "description": parsers.text,
}
_ABSENT: Mapping[str, Any] = {**Input._field_defaults}


def inputs(reading: Reading, node: Node) -> dict[str, Input]:
    """Return a mapping of names to inputs; a text is the default of one that is a text."""
    found: dict[str, Input] = {}
    for name, entry in reading.entries(node, "inputs").items():
        found[name] = reading.value({name: entry}, name, _input, Input(default=""))
    return found


def _input(reading: Reading, node: Node) -> Input:
    if node.id == "scalar" and not node.tag.endswith(":null"):
        return Input(default=parsers.text(reading, node))
    if node.id == "scalar":
        return Input()
    entries = reading.entries(node, "an input", INPUT_KINDS)
    return Input(**{key: reading.value(entries, key, kind, _ABSENT[key]) for key, kind in INPUT_KINDS.items()})
