"""The nodes of a file by its name, and errors that name it."""

from __future__ import annotations

from functools import wraps
from typing import TYPE_CHECKING, Concatenate, ParamSpec, TypeVar

from runnerlib._util.yaml_nodes import DocumentError, Node, Place, start
from runnerlib._util.yaml_nodes import compose as compose_document
from runnerlib.errors import ConfigError, printable

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Node", "Place", "compose", "error", "quotable", "start"]

P = ParamSpec("P")
T = TypeVar("T")


def quotable(parse: Callable[Concatenate[str, str, P], T]) -> Callable[Concatenate[str, str, P], T]:
    """Let the errors of a parser, which takes the text of a file and its name, have that text.

    Where the file is one of another system, that is the error.
    """

    @wraps(parse)
    def parsed(text: str, name: str, /, *args: P.args, **others: P.kwargs) -> T:
        try:
            return parse(text, name, *args, **others)
        except ConfigError as problem:
            from runnerlib.pipeline.foreign.recognise import told

            if foreign := told(text, name):
                raise ConfigError(f"{printable(name)}: {foreign}") from None
            problem.texts = {**problem.texts, name: text}
            raise

    return parsed


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
