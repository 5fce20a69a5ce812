"""Named tuples that are quick to define: `typing.NamedTuple` compiles the annotation of each field.

A start of the command line defines some sixty of them, and `typing` takes a tenth of all its time for that. Types are
checked as those of `typing.NamedTuple`, which this is for a type checker.
"""

from __future__ import annotations

from collections import namedtuple
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from typing import NamedTuple
else:

    class _Definition(type):
        """Metaclass that makes a named tuple of a class body; annotations stay as they are written."""

        def __new__(cls, name: str, bases: tuple[type, ...], body: dict[str, Any]) -> type:
            if not bases:
                return super().__new__(cls, name, bases, body)
            fields = body.get("__annotations__", {})
            defaults = [body[field] for field in fields if field in body]
            made = namedtuple(name, fields, defaults=defaults, module=body["__module__"])
            for key, value in body.items():
                if key not in fields and key != "__module__":
                    setattr(made, key, value)
            return made

    class NamedTuple(metaclass=_Definition):
        """Base of a named tuple, as `typing.NamedTuple`."""


__all__ = ["NamedTuple"]
