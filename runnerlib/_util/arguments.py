"""Error texts for wrong arguments of a call: they name the argument and suggest the one that was meant."""

from __future__ import annotations

from functools import wraps
from typing import TYPE_CHECKING, Any, TypeVar

from runnerlib.errors import ConfigError, unknown

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

T = TypeVar("T")


class ArgumentError(ConfigError, TypeError):
    """A call names an argument that there is not, lacks one, or has one twice."""


def checked(made: type[T]) -> type[T]:
    """Make the constructor of a class raise ArgumentError, which names the wrong argument."""
    make = getattr(made, _how(made))

    @wraps(make)
    def constructor(first: object, *values: Any, **keys: Any) -> Any:
        try:
            return make(first, *values, **keys)
        except TypeError:
            if problem := _mistake(make, values, keys):
                raise ArgumentError(f"{made.__name__}: {problem}") from None
            raise

    setattr(made, _how(made), staticmethod(constructor) if _how(made) == "__new__" else constructor)
    return made


def mended(mend: Callable[[T], T]) -> Callable[[type[T]], type[T]]:
    """Make a class of tuples return each through `mend`, which for example makes a list of a single name."""

    def decorate(made: type[T]) -> type[T]:
        make = made.__new__

        @wraps(make)
        def constructor(first: type[T], *values: Any, **keys: Any) -> T:
            return mend(make(first, *values, **keys))

        made.__new__ = staticmethod(constructor)  # type: ignore[method-assign,assignment]
        return made

    return decorate


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
