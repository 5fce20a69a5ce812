"""Parsers of values in a file: each takes a node and returns the value, or raises Wrong.

Texts are taken as they are written: `1.10` stays `1.10` and `yes` stays `yes`, whatever YAML makes of them.
"""

from __future__ import annotations

import re
from types import MappingProxyType
from typing import TYPE_CHECKING

from runnerlib.pipeline.job_file.reader import Reading, Wrong, got, kind_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from runnerlib.pipeline.job_file.nodes import Node

DURATION = (
    r"(?:([0-9]+(?:\.[0-9]+)?)d)?(?:([0-9]+(?:\.[0-9]+)?)h)?"
    r"(?:([0-9]+(?:\.[0-9]+)?)m(?!s))?(?:([0-9]+(?:\.[0-9]+)?)s)?(?:([0-9]+)ms)?"
)
_DURATION = re.compile(DURATION)
_UNITS = (86400.0, 3600.0, 60.0, 1.0, 0.001)
NUMBER = r"[0-9]{1,15}(?:\.[0-9]{1,15})?"
_NUMBER = re.compile(NUMBER)
_WHOLE = re.compile(r"0|[1-9][0-9]{0,8}")
NO_VARIABLES: Mapping[str, str] = MappingProxyType({})
_BOOLEANS = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}


def text(_reading: Reading, node: Node) -> str:
    """Return any scalar as it is written."""
    if node.id != "scalar":
        raise Wrong(f"a text is expected, got {kind_of(node)}")
    if node.tag.endswith(":null"):
        raise Wrong("a text is expected, got nothing (write '' for an empty text)")
    return str(node.value)


def boolean(_reading: Reading, node: Node) -> bool:
    """Return a truth value in the spellings of YAML."""
    if node.id != "scalar" or not node.tag.endswith(":bool"):
        raise Wrong(f"true or false is expected{got(node)}")
    return _BOOLEANS[node.value.lower()]


def network(reading: Reading, node: Node) -> bool | tuple[int, ...]:
    """A truth value, a TCP port or a list of them."""
    try:
        if node.id == "sequence":
            return tuple(whole(reading, item) for item in reading.items(node))
        return boolean(reading, node) if node.tag.endswith(":bool") else (whole(reading, node),)
    except Wrong as wrong:
        at = wrong.node or node
        raise Wrong(f"true, false, a port or a list of ports is expected{got(at)}", at) from None


def whole(_reading: Reading, node: Node) -> int:
    """A whole number of up to 9 digits."""
    if node.id != "scalar" or not node.tag.endswith(":int") or not _WHOLE.fullmatch(node.value):
        raise Wrong(f"a whole number, 0 or more, is expected{got(node)}")
    return int(node.value)


def number(_reading: Reading, node: Node) -> float:
    """A number, 0 or more."""
    if node.id != "scalar" or not node.tag.endswith((":int", ":float")) or not _NUMBER.fullmatch(node.value):
        raise Wrong(f"a number, 0 or more, is expected{got(node)}")
    return float(node.value)


def duration(_reading: Reading, node: Node) -> float:
    """Seconds, from a number of them or from a text as `1d`, `1h30m`, `90s` or `500ms`."""
    written = node.value if node.id == "scalar" else ""
    if _NUMBER.fullmatch(written):
        return float(written)
    found = _DURATION.fullmatch(written)
    if not written or found is None or len(written) > 30:
        raise Wrong(f"a time as 90 (seconds), 90s, 5m, 1h30m or 1d is expected{got(node)}")
    return sum(float(amount) * unit for amount, unit in zip(found.groups(), _UNITS, strict=True) if amount)


def texts(reading: Reading, node: Node) -> tuple[str, ...]:
    """Return a list of texts; report every item that is none."""
    found = []
    for item in reading.items(node):
        try:
            found.append(text(reading, item))
        except Wrong as wrong:
            reading.complain(item, str(wrong))
    return tuple(found)


def names(reading: Reading, node: Node) -> tuple[str, ...]:
    """One text or a list of texts."""
    return (text(reading, node),) if node.id == "scalar" else texts(reading, node)


def command(reading: Reading, node: Node) -> str | tuple[str, ...]:
    """A text for a shell or a list of words."""
    return texts(reading, node) if node.id == "sequence" else text(reading, node)


def variables(reading: Reading, node: Node) -> dict[str, str]:
    """Return a mapping of names to texts; report every value that is none."""
    found = {}
    for name, entry in reading.entries(node, "this").items():
        try:
            found[name] = text(reading, entry.value)
        except Wrong as wrong:
            reading.complain(entry.value, f"{name}: {wrong}")
    return found
