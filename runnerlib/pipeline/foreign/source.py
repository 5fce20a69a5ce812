"""The file that is translated: what is read from it, and what is left out of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from runnerlib._util.yaml_nodes import start
from runnerlib.pipeline.job_file.reader import Entry, Reading, Wrong

if TYPE_CHECKING:
    from collections.abc import Mapping

    from runnerlib._util.yaml_nodes import Node, Place

Entries = dict[str, Entry]


class LeftOut(NamedTuple):
    """A part of the file that is not in the translation: its place, and a sentence that names it and says why."""

    place: Place
    text: str


class Source(Reading):
    """A file of another system. `left_out` has what its translation lacks, `needed` the variables that a run needs."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.left_out: list[LeftOut] = []
        self.needed: dict[str, str] = {}

    def lose(self, at: Node, text: str) -> None:
        """Note a part that is left out."""
        found = LeftOut(start(at), text)
        if found not in self.left_out:
            self.left_out.append(found)

    def mapping(self, entries: Mapping[str, Entry], key: str) -> Entries:
        """Return the entries of the mapping at `key`; none where it is missing, or no mapping, which is noted."""
        if key not in entries or is_null(entries[key].value):
            return {}
        node = entries[key].value
        if node.id != "mapping":
            self.lose(node, f"{key}: a mapping is expected")
            return {}
        return self.entries(node, key)

    def texts(self, entries: Mapping[str, Entry], key: str) -> list[str]:
        """Return the texts at `key`, one or a list, lists in it flattened; none where it is missing."""
        return [item.value for item in self.scalars(entries[key].value)] if key in entries else []

    def scalars(self, node: Node) -> list[Node]:
        """Return the scalars of a node: itself, or the items of a list, whose lists are flattened."""
        if node.id == "scalar":
            return [] if is_null(node) else [node]
        if node.id == "sequence":
            return [inner for item in self.items(node) for inner in self.scalars(item)]
        raise Wrong("a text or a list of texts is expected", node)

    def only(self, entries: dict[str, Entry], known: object) -> None:
        """Leave unknown keys alone: the translation says which it leaves out."""


def is_null(node: Node) -> bool:
    """Return whether a value is missing: nothing is written behind its key."""
    return node.id == "scalar" and node.tag.endswith(":null")


def is_true(node: Node) -> bool:
    """Return whether a value is true as YAML spells it."""
    return node.id == "scalar" and node.value.lower() in {"true", "yes", "on"}


def text_of(entries: Mapping[str, Entry], key: str) -> str:
    """Return the scalar at `key` as it is written; '' where there is none."""
    node = entries[key].value if key in entries else None
    return node.value if node is not None and node.id == "scalar" and not is_null(node) else ""
