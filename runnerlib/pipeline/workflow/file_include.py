"""Files that a workflow file includes: of the same tree, of the CI source, or of a git source."""

from __future__ import annotations

import re
from hashlib import sha256
from typing import TYPE_CHECKING, NamedTuple, Protocol

from runnerlib.errors import ConfigError, printable
from runnerlib.pipeline.job_file import parsers
from runnerlib.pipeline.job_file.nodes import compose
from runnerlib.pipeline.job_file.reader import Reading, Wrong

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from typing import Any

    from runnerlib.pipeline.job_file.nodes import Node

_MOST = 50
_DEEPEST = 10
_LARGEST = 1 << 20
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_COMMIT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")


class Include(NamedTuple):
    """One included file: `ci` says that it is in the CI source, `git` in which repository, at `ref`."""

    path: str
    ci: bool = False
    git: str = ""
    ref: str = ""
    digest: str = ""


class IncludeReader(Protocol):
    """Reads what lies outside of the tree of a workflow file, as far as that file may. Raises Wrong or RunnerError."""

    def ci(self, path: str) -> bytes:
        """Return the content of a file of the CI source."""

    def git(self, url: str, ref: str, path: str) -> bytes:
        """Return the content of a file of a git repository."""

    def shown(self, url: str) -> str:
        """Return a URL without credentials."""


class NoIncludes:
    """Reads nothing: nobody has said what the file may read."""

    def ci(self, path: str) -> bytes:  # noqa: ARG002 - the protocol's signature
        """Refuse it."""
        raise Wrong("files of the CI source are read by `runnerlib run`, `list` and `validate` only")

    def git(self, url: str, ref: str, path: str) -> bytes:  # noqa: ARG002 - likewise
        """Refuse it."""
        raise Wrong("files of git sources are read by `runnerlib run`, `list` and `validate` only")

    def shown(self, url: str) -> str:
        """Return nothing of it."""
        return "…" if url else ""


class Tree(NamedTuple):
    """A tree that files are read from: `read` takes a path in the tree, `name` makes a name of it for people.

    `pinned` says that its content cannot become another behind the back of who includes it.
    """

    read: Callable[[str], bytes]
    name: Callable[[str], str]
    pinned: bool = True


class IncludedFile(NamedTuple):
    """An included file: its reader, its root, and whether its content is pinned; `own` is of the includer's tree."""

    reading: Reading
    root: Node
    digest: str
    pinned: bool
    own: bool


class Includes:
    """Reads the files that a file includes, and those that they include, each once."""

    def __init__(self, tree: Tree, outside: IncludeReader, texts: dict[str, str], problems: list[str]) -> None:
        """`texts` gets the text of each file by its name, `problems` the errors of each."""
        self._tree = tree
        self._outside = outside
        self._texts = texts
        self._problems = problems
        self.files: dict[str, IncludedFile] = {}
        self.complete = True

    def read(self, reading: Reading, node: Node) -> tuple[IncludedFile, ...]:
        """Return the files of a list of includes, those that they include first. Raises Wrong for a wrong list."""
        return tuple(self._all(reading, node, self._tree, ()))

    def _all(self, reading: Reading, node: Node, tree: Tree, stack: tuple[str, ...]) -> Iterator[IncludedFile]:
        for item in [node] if node.id != "sequence" else reading.items(node):
            try:
                yield from self._one(reading, item, tree, stack)
            except Wrong as wrong:
                self.complete = False
                reading.complain(wrong.node or item, f"include: {wrong}")

    def _one(self, reading: Reading, node: Node, tree: Tree, stack: tuple[str, ...]) -> Iterator[IncludedFile]:
        include = read_include(reading, node)
        there = self._place(include, tree)
        name = there.name(include.path)
        if name in stack:
            raise Wrong(f"the files include each other: {' -> '.join((*stack[stack.index(name) :], name))}")
        if name in self.files:
            return
        if len(self.files) >= _MOST or len(stack) >= _DEEPEST:
            raise Wrong(f"a workflow includes at most {_MOST} files, {_DEEPEST} deep")
        data = there.read(include.path)
        digest = f"sha256:{sha256(data).hexdigest()}"
        if include.digest and include.digest != digest:
            raise Wrong(f"'{printable(name)}' has the digest {digest}, which is not the one given")
        found = self._parsed(name, data)
        if found is None:
            self.complete = False
            return
        inner, root, entries = found
        self.files[name] = made = IncludedFile(
            inner, root, digest, there.pinned or bool(include.digest), there is self._tree
        )
        if "include" in entries:
            yield from self._all(inner, entries["include"].value, there, (*stack, name))
        yield made

    def _place(self, include: Include, tree: Tree) -> Tree:
        outside = self._outside
        if include.ci:
            return Tree(outside.ci, lambda path: f"ci:{path}")
        if include.git:
            at = f"{outside.shown(include.git)}@{include.ref}"
            return Tree(
                lambda path: outside.git(include.git, include.ref, path),
                lambda path: f"{at}:{path}",
                bool(_COMMIT.fullmatch(include.ref)),
            )
        return tree

    def _parsed(self, name: str, data: bytes) -> tuple[Reading, Node, Mapping[str, Any]] | None:
        """Return the reader of a file, its root and its keys; None after its errors are recorded."""
        reading = Reading(name)
        if len(data) > _LARGEST:
            self._problems.append(f"{printable(name)}: an included file has at most 1 MiB")
            return None
        try:
            self._texts[name] = text = data.decode()
            root = compose(text, name)
            return reading, root, reading.entries(root, "an included file")
        except UnicodeDecodeError:
            self._problems.append(f"{printable(name)}: it is no UTF-8 text file")
        except Wrong as wrong:
            self._problems.append(f"{printable(name)}: {wrong}")
        except ConfigError as error:
            self._problems.append(str(error))
        return None


INCLUDE_KINDS: Mapping[str, Callable[[Reading, Node], str]] = dict.fromkeys(
    ("path", "ci", "git", "ref", "digest"), parsers.text
)


def read_include(reading: Reading, node: Node) -> Include:
    """Return one include: a path, or a mapping. Raises Wrong."""
    if node.id == "scalar":
        return Include(_path(parsers.text(reading, node)))
    entries = reading.entries(node, "an include", INCLUDE_KINDS)
    given = {key: reading.value(entries, key, parsers.text, "") for key in entries}
    if "git" in given:
        if "ci" in given or not given["git"] or not given.get("ref") or "path" not in given:
            raise Wrong("an include of a git source has 'git', 'ref' and 'path'")
    elif "ref" in given or ("path" in given) == ("ci" in given):
        raise Wrong("an include is a path of the same tree, {ci: PATH}, or {git: URL, ref: REF, path: PATH}")
    digest = given.get("digest", "")
    if digest and not _DIGEST.fullmatch(digest):
        raise Wrong("a digest is sha256: and 64 digits from 0 to f")
    path = _path(given.get("ci", given.get("path", "")))
    return Include(path, "ci" in given, given.get("git", ""), given.get("ref", ""), digest)


def _path(given: str) -> str:
    if not given or given.startswith("/") or ".." in given.split("/") or "\0" in given:
        raise Wrong(f"a path below the directory of the source is expected, without '..', got '{given[:100]}'")
    return given
