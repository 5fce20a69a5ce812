"""Options that only one type of source understands: `depth=1`, `exclude=*.o`. Pure, no I/O.

A handler lists the names it takes in `OPTIONS`; the functions here read them, in `check` as in `prepare`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from runnerlib.config import parsers
from runnerlib.errors import SourceError, unknown

if TYPE_CHECKING:
    from collections.abc import Collection

    from runnerlib.source.spec import SourceSpec


def check_names(spec: SourceSpec, allowed: Collection[str] | None) -> None:
    """Raise `SourceError` for an option that is not `allowed`; None allows all."""
    for name, _ in spec.options:
        if allowed is not None and not allowed:
            raise SourceError(f"source type '{spec.type}' takes no options, got '{name}'")
        if allowed is not None and name not in allowed:
            raise SourceError(unknown(f"option of source type '{spec.type}'", name, allowed))


def many(spec: SourceSpec, name: str) -> tuple[str, ...]:
    """Every value given for the option `name`, in order."""
    return tuple(value for key, value in spec.options if key == name)


def one(spec: SourceSpec, name: str) -> str | None:
    """The value of the option `name`, None when it was not given. Raises `SourceError` for two."""
    values = many(spec, name)
    if len(values) > 1:
        raise SourceError(f"option '{name}' of source type '{spec.type}' was given {len(values)} times")
    return values[0] if values else None


def count(spec: SourceSpec, name: str, default: int, least: int = 0) -> int:
    """The value of the option `name` as a whole number of `least` or more. Raises `SourceError`."""
    text = one(spec, name)
    if text is None:
        return default
    if not text.isascii() or not text.isdigit() or len(text) > 18 or int(text) < least:
        raise _wrong(spec, name, text, f"a whole number, {least} or more, is expected")
    return int(text)


def choice(spec: SourceSpec, name: str, allowed: Collection[str], default: str) -> str:
    """The value of the option `name`, one of `allowed`. Raises `SourceError`."""
    text = one(spec, name)
    if text is None:
        return default
    if text not in allowed:
        raise SourceError(unknown(f"value of option '{name}' of source type '{spec.type}'", text, allowed))
    return text


def size(spec: SourceSpec, name: str, default: int) -> int:
    """The value of the option `name` in bytes, written `1048576`, `512K`, `20M`, `4G` or `1T`. Raises `SourceError`."""
    text = one(spec, name)
    if text is None:
        return default
    try:
        return parsers.size(text)
    except ValueError as error:
        raise _wrong(spec, name, text, str(error)) from None


def _wrong(spec: SourceSpec, name: str, text: str, expected: str) -> SourceError:
    return SourceError(f"option '{name}' of source type '{spec.type}' is '{text}'; {expected}")
