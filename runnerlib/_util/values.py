"""Values that are quick to define, as named tuples and frozen dataclasses: nothing of them is compiled at each start.

`typing.NamedTuple` compiles the annotation of each field, `dataclass` an `__init__` with an argument for each. A start
of the command line defines some sixty such classes; the standard library took a tenth of all its time for that. A type
checker sees no difference.
"""

from __future__ import annotations

from collections import namedtuple
from dataclasses import MISSING, FrozenInstanceError, dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar, dataclass_transform

if TYPE_CHECKING:
    from dataclasses import Field
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


__all__ = ["NamedTuple", "record"]

T = TypeVar("T")


@dataclass_transform(kw_only_default=True, frozen_default=True, field_specifiers=(field,))
def record(cls: type[T]) -> type[T]:
    """Make a class a dataclass, frozen and built by keyword. A factory of defaults is not supported.

    `dataclass` compiles a function with an argument for each field: for the settings that took 4 ms of each start.
    """
    made = dataclass(init=False, repr=False, eq=False, match_args=False)(cls)
    for method in (__init__, __setattr__, __delattr__, __eq__, __hash__):
        setattr(made, method.__name__, method)
    return made


def __init__(self: Any, **values: object) -> None:  # noqa: N807 - a method of each record
    """Set the fields. Raises TypeError for one that is missing or unknown."""
    fields: dict[str, Field[object]] = self.__dataclass_fields__
    missing = [name for name, one in fields.items() if name not in values and one.default is MISSING]
    unknown = [name for name in values if name not in fields]
    for what, names in (("is missing", missing), ("is unknown", unknown)):
        if names:
            raise TypeError(f"{type(self).__name__}: '{names[0]}' {what}")
    self.__dict__.update({name: one.default for name, one in fields.items() if name not in values}, **values)


def __setattr__(self: object, name: str, value: object) -> None:  # noqa: N807, ARG001
    """Raise FrozenInstanceError."""
    raise FrozenInstanceError(f"cannot assign to field '{name}'")


def __delattr__(self: object, name: str) -> None:  # noqa: N807, ARG001
    """Raise FrozenInstanceError."""
    raise FrozenInstanceError(f"cannot delete field '{name}'")


def __eq__(self: object, other: object) -> bool:  # noqa: N807
    """Return whether both are of one class and have equal fields."""
    return vars(self) == vars(other) if type(other) is type(self) else NotImplemented


def __hash__(self: object) -> int:  # noqa: N807
    """Return a number that is the same for equal records."""
    return hash(tuple(sorted(vars(self).items())))
