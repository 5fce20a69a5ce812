"""The jobs of a GitLab file with what they extend, and the references in it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from runnerlib.pipeline.foreign.shell_text import Untranslatable
from runnerlib.pipeline.job_file.reader import Entry

if TYPE_CHECKING:
    from runnerlib._util.yaml_nodes import Node
    from runnerlib.pipeline.foreign.source import Entries, Source

RESERVED = {"stages", "variables", "default", "workflow", "include", "spec", "image", "services", "cache"}
RESERVED |= {"before_script", "after_script", "types"}
_DEEPEST = 11


class Tree:
    """The entries of a file."""

    def __init__(self, source: Source, root: Node) -> None:
        self.source = source
        self.top = source.entries(root, "a GitLab CI file")

    def names(self) -> list[str]:
        """Return the names of the jobs that run: those without a dot in front."""
        return [name for name in self.top if name not in RESERVED and not name.startswith(".")]

    def job(self, name: str, depth: int = 0) -> Entries:
        """Return the entries of a job over those that it extends. Raises Untranslatable."""
        if name not in self.top or self.top[name].value.id != "mapping":
            raise Untranslatable(f"'extends: {name[:100]}', which is not in this file,")
        if depth == _DEEPEST:
            raise Untranslatable("'extends' of more than 11 levels")
        own = self.source.entries(self.top[name].value, "a job")
        merged: Entries = {}
        for other in self.source.texts(own, "extends"):
            merged = _over(self.source, merged, self.job(other, depth + 1))
        merged = _over(self.source, merged, own)
        merged.pop("extends", None)
        return merged

    def lines(self, entries: Entries, key: str) -> list[str]:
        """Return the texts at `key`, with those that references name."""
        return self.texts(entries[key].value) if key in entries else []

    def texts(self, node: Node) -> list[str]:
        """Return the texts of a node, one or a list, with those that references name. Raises Untranslatable."""
        found = self.nodes(node)
        if any(one.id != "scalar" for one in found):
            raise Untranslatable("a mapping in the place of a text")
        return [one.value for one in found]

    def nodes(self, node: Node, depth: int = 0) -> list[Node]:
        """Return the items of a list with those of the lists in it and of what references name."""
        if node.tag == "!reference":
            if depth == _DEEPEST:
                raise Untranslatable("'!reference' of more than 11 levels")
            return self.nodes(self._referred(node), depth + 1)
        if node.id != "sequence":
            return [] if node.tag.endswith(":null") else [node]
        return [inner for item in self.source.items(node) for inner in self.nodes(item, depth)]

    def _referred(self, node: Node) -> Node:
        words = [part.value for part in self.source.items(node) if part.id == "scalar"]
        name, *keys = words
        entries = self.job(name)
        for key in keys[:-1]:
            entries = self.source.mapping(entries, key)
        if not keys or keys[-1] not in entries:
            raise Untranslatable(f"'!reference [{', '.join(words)[:100]}]'")
        return entries[keys[-1]].value


def _over(source: Source, below: Entries, above: Entries) -> Entries:
    """Return the entries of both, mappings merged, all else replaced."""
    merged = dict(below)
    for key, entry in above.items():
        other = merged.get(key)
        if other is not None and other.value.id == entry.value.id == "mapping" and key != "parallel":
            inner = _over(source, source.entries(other.value, key), source.entries(entry.value, key))
            node = entry.value
            pairs = [(one.key, one.value) for one in inner.values()]
            made = type(node)(node.tag, pairs, node.start_mark, node.end_mark)  # type: ignore[call-arg]
            merged[key] = Entry(entry.key, made)
        else:
            merged[key] = entry
    return merged
