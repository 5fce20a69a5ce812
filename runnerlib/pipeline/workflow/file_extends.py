"""Jobs that other jobs extend, by name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from runnerlib.errors import unknown
from runnerlib.pipeline.job_file import parsers
from runnerlib.pipeline.job_file.reader import Wrong
from runnerlib.pipeline.workflow.file_job import Values, over, read_values, with_origins

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from runnerlib.pipeline.job_file.nodes import Node
    from runnerlib.pipeline.job_file.reader import Reading

HIDDEN = "."
"""The beginning of the name of a job that only others extend."""


class Templates:
    """The jobs of a file and of what it includes; each is read when one extends it."""

    def __init__(self, other_file: Callable[[Reading, Node], Values], *, complete: bool) -> None:
        """Begin without any; if they are not `complete`, a file could not be read, and what is missing may be in it."""
        self._complete = complete
        self._other_file = other_file
        self._nodes: dict[str, tuple[Reading, Node]] = {}
        self._values: dict[str, Values] = {}
        self._open: list[str] = []

    def add(self, name: str, reading: Reading, node: Node) -> None:
        """Let jobs extend the one at `node` of a file."""
        self._nodes.setdefault(name, (reading, node))

    def read_hidden(self) -> None:
        """Read every job that does not run, so that each mistake is told."""
        for name, (reading, node) in self._nodes.items():
            if name.startswith(HIDDEN):
                try:
                    self._read(name)
                except Wrong as wrong:
                    reading.complain(wrong.node or node, str(wrong))

    def extended(self, reading: Reading, node: Node) -> Values:
        """Return the values of the jobs that `extends` names; later ones win. Raises Wrong."""
        found = Values({}, {(): node})
        for name in parsers.names(reading, node):
            if name not in self._nodes and not self._complete:
                found = found._replace(named=False)
                continue
            if name not in self._nodes:
                raise Wrong(unknown("job", name[:100], self._nodes))
            if name in self._open:
                raise Wrong(f"the jobs extend each other: {' -> '.join((*self._open[self._open.index(name) :], name))}")
            found = over(found, self._read(name), node)
        return found

    def _read(self, name: str) -> Values:
        if name not in self._values:
            reading, node = self._nodes[name]
            self._open.append(name)
            try:
                found = read_values(reading, node, self._other_file, self.extended, alone=False)
            finally:
                self._open.pop()
            found.values.pop("name", None)
            self._values[name] = with_origins(found, reading)
        return _copied(self._values[name])


def _copied(found: Values) -> Values:
    """Return values that can be changed: what extends a job adds to its mappings."""
    return found._replace(values=dict(found.values), places=dict(found.places), origins=dict(found.origins))


def name_of_node(node: Node) -> str:
    """Return the name that a job in a list says of itself; empty if it says none."""
    if node.id != "mapping":
        return ""
    found: Iterable[Any] = (
        value for key, value in node.value if key.id == value.id == "scalar" and key.value == "name"
    )
    return str(next((value.value for value in found), ""))
