"""Signatures: hashes that change when the definition of a step or job does, and when nothing else does. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING

from runnerlib._util.graph import sorted_by_dependency

if TYPE_CHECKING:
    from collections.abc import Callable, Collection


def signed(graph: Mapping[str, Collection[str]], definition: Callable[[str], object]) -> dict[str, str]:
    """Return for each node a hash of its `definition` and of those of the nodes it waits for."""
    from hashlib import blake2b  # only runs that keep a journal need it

    found: dict[str, str] = {}
    for name in sorted_by_dependency(graph):
        text = repr((meaning(definition(name)), [found[other] for other in graph[name]]))
        found[name] = blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()
    return found


_SAYS_NOTHING = {"description"}
_NO_DEFAULT = object()
_PLAIN = {str, bool, int, float}


def meaning(value: object) -> object:
    """Return a value as plain lists and mappings: of a named tuple the fields that differ from their defaults.

    So a field that a later version adds changes no signature until it is used; nor does the order of fields, nor a
    description.
    """
    if value is None or type(value) in _PLAIN:
        return value
    if isinstance(value, tuple) and hasattr(value, "_asdict"):
        fields = zip(_fields(type(value)), value, strict=True)
        given = [(name, held) for (name, default), held in fields if held is not default and held != default]
        return {name: meaning(held) for name, held in sorted(given) if name not in _SAYS_NOTHING}
    if isinstance(value, Mapping):
        return {key: meaning(held) for key, held in value.items()}
    if isinstance(value, (list, tuple)):
        return [meaning(item) for item in value]
    return value


@cache
def _fields(kind: type) -> list[tuple[str, object]]:
    """Return the names of the fields of a kind of named tuples, with their defaults."""
    defaults: Mapping[str, object] = kind._field_defaults  # type: ignore[attr-defined]
    names: tuple[str, ...] = kind._fields  # type: ignore[attr-defined]
    return [(name, defaults.get(name, _NO_DEFAULT)) for name in names]
