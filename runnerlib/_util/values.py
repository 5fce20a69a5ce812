"""Values: classes that are quick to define, and errors about the arguments of a constructor that name what was meant.

`typing.NamedTuple` compiles the annotation of each field, `dataclass` an `__init__` with an argument for each. A start
of the command line defines some sixty such classes; the standard library took a tenth of all its time for that. So
nothing is compiled here; a type checker sees no difference.
"""

from __future__ import annotations

from collections import namedtuple
from dataclasses import MISSING, FrozenInstanceError, dataclass, field
from functools import partial, wraps
from typing import TYPE_CHECKING, Any, TypeVar, dataclass_transform

from runnerlib.errors import ConfigError, unknown

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
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


__all__ = ["ArgumentError", "NamedTuple", "check_names", "checked", "mended", "record"]

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


class ArgumentError(ConfigError, TypeError):
    """A call names an argument that there is not, lacks one, or has one twice."""


def checked(made: type[T], mend: Callable[[T], T] | None = None) -> type[T]:
    """Make the constructor of a class raise ArgumentError, which names the wrong argument.

    `mend`, for a class of tuples, gets each and returns the one to use; for example it makes a list of a single name.
    """
    make = getattr(made, _how(made))

    @wraps(make)
    def constructor(first: object, *values: Any, **keys: Any) -> Any:
        try:
            new = make(first, *values, **keys)
        except TypeError:
            if problem := _mistake(make, values, keys):
                raise ArgumentError(f"{made.__name__}: {problem}") from None
            raise
        return new if mend is None else mend(new)

    setattr(made, _how(made), staticmethod(constructor) if _how(made) == "__new__" else constructor)
    return made


def mended(mend: Callable[[T], T]) -> Callable[[type[T]], type[T]]:
    """Make a class of tuples `checked`, and return each through `mend`."""
    return partial(checked, mend=mend)


def _how(made: type) -> str:
    """Return the name of the constructor: `__new__` for a tuple, which is complete before `__init__`."""
    return "__new__" if issubclass(made, tuple) else "__init__"


def check_names(what: str, given: Mapping[str, object], allowed: Sequence[str]) -> None:
    """Raise ArgumentError for the first name in `given` that is not `allowed`; `what` is called with it."""
    for name in given:
        if name not in allowed:
            raise ArgumentError(f"{what}: {unknown('argument', name, allowed)}")


def _mistake(make: Callable[..., object], values: Sequence[object], keys: Mapping[str, object]) -> str:
    """Return the error in the arguments of a call; empty when they are right."""
    code = make.__code__
    names = code.co_varnames[1 : code.co_argcount + code.co_kwonlyargcount]
    positional = names[: code.co_argcount - 1]
    wrong = next((key for key in keys if key not in names), None)
    if wrong is not None:
        return unknown("argument", wrong, names)
    if len(values) > len(positional):
        return f"at most {len(positional)} arguments without a name are expected, got {len(values)}"
    twice = next((name for name in positional[: len(values)] if name in keys), None)
    if twice is not None:
        return f"'{twice}' is given twice, without its name and with it"
    required = positional[: len(positional) - len(make.__defaults__ or ())]
    missing = [f"'{name}'" for name in required[len(values) :] if name not in keys]
    return f"{' and '.join(missing)} {'is' if len(missing) == 1 else 'are'} missing" if missing else ""
