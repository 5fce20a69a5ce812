"""The nodes of a file by its name, and errors that name it."""

from __future__ import annotations

from runnerlib._util.yaml_nodes import DocumentError, Node, Place, start
from runnerlib._util.yaml_nodes import compose as compose_document
from runnerlib.errors import ConfigError, printable

__all__ = ["Node", "Place", "compose", "error", "start"]


def error(name: str, place: Place | None, text: str) -> ConfigError:
    """An error of the file `name`."""
    where = f":{place.line}:{place.column}" if place else ""
    return ConfigError(f"{printable(name)}{where}: {printable(text)}")


def compose(text: str, name: str) -> Node:
    """Return the root of the only document in `text`.

    Raises ConfigError where `yaml_nodes.compose` raises DocumentError, and for an empty file.
    """
    try:
        root = compose_document(text)
    except DocumentError as problem:
        raise error(name, problem.place, str(problem)) from None
    if root is None:
        raise error(name, None, "the file is empty")
    return root
