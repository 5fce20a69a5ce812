"""The reader of a file: the keys that are allowed, and all errors so far."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from runnerlib.errors import ConfigError, unknown
from runnerlib.pipeline.job_file.nodes import Node, Place, error, start

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping

T = TypeVar("T")
D = TypeVar("D")

_BUDGET = 200_000
_MERGES = 10
_ENOUGH = 100
_QUOTED = 5


class Wrong(Exception):  # noqa: N818 - it becomes a line of an error
    """A value has an error; `node` is the part with it, if not all. The text never contains the value."""

    def __init__(self, text: str, node: Node | None = None) -> None:
        super().__init__(text)
        self.node = node


class Entry(NamedTuple):
    """A key with its value."""

    key: Node
    value: Node


class Reading:
    """Collects errors in the file `name`, and counts what is read: an alias counts at every use.

    `step_defaults` are the keys that its steps have where they do not have them, `job_defaults` values of its jobs with
    their positions.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.step_defaults: Mapping[str, Entry] = {}
        self.job_defaults: Mapping[str, tuple[Any, Node]] = {}
        self._complaints: list[tuple[Place, str]] = []
        self._left = _BUDGET

    def complain(self, at: Node | Place, text: str) -> None:
        """Record an error. Raises ConfigError, as `check` does, after too many."""
        self._complaints.append((at if isinstance(at, Place) else start(at), text))
        if len(self._complaints) == _ENOUGH:
            self.check()

    def check(self) -> None:
        """Raise ConfigError with all complaints, in the order of the file."""
        if self._complaints:
            lines = dict.fromkeys(str(error(self.name, *complaint)) for complaint in sorted(self._complaints))
            if len(self._complaints) >= _ENOUGH:
                lines[str(error(self.name, None, "there may be more; these are enough for now"))] = None
            raise ConfigError("\n".join(lines))

    def where(self, node: Node) -> str:
        """Return the file and the line of a node, as FILE:LINE."""
        return f"{self.name}:{start(node).line}"

    def value(self, entries: Mapping[str, Entry], key: str, kind: Callable[[Reading, Node], T], default: D) -> T | D:
        """Return the value of `key`; the default if it is missing or, after an error is recorded, wrong."""
        if key not in entries:
            return default
        node = entries[key].value
        self._count(node, 1)
        try:
            return kind(self, node)
        except Wrong as wrong:
            self.complain(wrong.node or node, f"{key}: {wrong}")
            return default

    def items(self, node: Node) -> Iterator[Node]:
        """Yield the items of a list. Raises Wrong for anything else."""
        if node.id != "sequence":
            raise Wrong(f"a list is expected, got {kind_of(node)}", node)
        self._count(node, len(node.value))
        yield from node.value

    def entries(self, node: Node, what: str, known: Collection[str] | None = None) -> dict[str, Entry]:
        """Return the entries of a mapping by key; report keys that are not `known`, and duplicate ones.

        Keys that `<<` merges in are overridden by written ones. Raises Wrong for anything but a mapping.
        """
        if node.id != "mapping":
            raise Wrong(f"{what} is a mapping of keys to values, got {kind_of(node)}", node)
        found: dict[str, Entry] = {}
        for key, value in self._flat(node, _MERGES):
            if key.id != "scalar":
                self.complain(key, "a key is a text")
            else:
                found.setdefault(key.value, Entry(key, value))
        if known is not None:
            self.only(found, known)
        return found

    def only(self, entries: dict[str, Entry], known: Collection[str]) -> None:
        """Remove the entries that are not `known`, with a complaint about each."""
        for key in [key for key in entries if key not in known]:
            self.complain(entries.pop(key).key, _unknown_key(key, known))

    def _flat(self, node: Node, merges: int) -> Iterator[tuple[Node, Node]]:
        """Keys and values, merged ones last."""
        self._count(node, len(node.value))
        merged: list[Node] = []
        seen: dict[str, Node] = {}
        for key, value in node.value:
            if key.tag.endswith(":merge"):
                merged += value.value if value.id == "sequence" else [value]
                continue
            if key.id == "scalar" and key.value in seen:
                text = f"the key '{key.value[:100]}' is there twice, first in line {start(seen[key.value]).line}"
                self.complain(key, text)
                continue
            if key.id == "scalar":
                seen[key.value] = key
            yield key, value
        for other in merged:
            if other.id != "mapping" or not merges:
                raise Wrong("'<<' takes a mapping or a list of mappings, not nested deeply", other)
            yield from self._flat(other, merges - 1)

    def _count(self, node: Node, number: int) -> None:
        self._left -= number
        if self._left < 0:
            raise error(self.name, start(node), f"more than {_BUDGET:,} values when every alias is followed")


def _unknown_key(key: str, known: Collection[str]) -> str:
    """Return the text about an unknown key; for a word of another system with what it is called here."""
    from runnerlib.pipeline.foreign.words import meaning

    said = meaning(key, known)
    return f"unknown key '{key[:100]}'{said}" if said else unknown("key", key[:100], known)


def kind_of(node: Node) -> str:
    """Return the kind of a node in words for the user."""
    if node.id != "scalar":
        return f"a {'list' if node.id == 'sequence' else 'mapping'}"
    kind = node.tag.rpartition(":")[2]
    names = {"str": "a text", "int": "a number", "float": "a number", "bool": "true or false", "null": "nothing"}
    return names.get(kind, f"a {kind}")


def got(node: Node) -> str:
    """Return the end of an error about a value: a short number as it is, and the kind of what may be a secret."""
    is_short = node.tag.endswith((":int", ":float", ":bool")) and len(node.value) <= _QUOTED
    return f", got {node.value if is_short else kind_of(node)}"
