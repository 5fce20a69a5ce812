"""Source types from outside this package: checked when they are registered, not when a run needs them."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, cast

from runnerlib.errors import SourceError
from runnerlib.source.atomic_replace import replacing
from runnerlib.source.spec import Prepared

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from runnerlib.source.spec import Fill, Handler, Report, SourceSpec


def adopt(name: str, handler: object) -> Handler:
    """The handler of the source type `name`, of which `handler` is one or the function that fills a directory.

    Raises `SourceError` when it is neither, or cannot be called as it will be.
    """
    if callable(handler) and not hasattr(handler, "prepare"):
        _check_signature(name, handler, "the function", ("spec", "directory", "report"))
        return Filling(name, cast("Fill", handler))
    for method, takes in (("check", ("spec",)), ("prepare", ("spec", "target", "report"))):
        function = getattr(handler, method, None)
        if not callable(function):
            raise SourceError(
                f"source type '{name}': a function of (spec, directory, report), or an object with check(spec) "
                f"and prepare(spec, target, report), is expected; a '{type(handler).__name__}' without {method} was got"
            )
        _check_signature(name, function, method, takes)
    return cast("Handler", handler)


def _check_signature(name: str, function: Callable[..., object], shown: str, takes: tuple[str, ...]) -> None:
    """Refuse a wrong signature now: in the middle of a run the message would be worse."""
    try:
        inspect.signature(function).bind(*takes)
    except ValueError:
        return  # written in C, and does not tell
    except TypeError as error:
        raise SourceError(f"source type '{name}': {shown} must take ({', '.join(takes)}): {error}") from None


class Filling:
    """Handler around a plugin's function: the tree that the function fills is swapped in when complete."""

    def __init__(self, name: str, fill: Fill) -> None:
        self._name = name
        self._fill = fill

    def check(self, spec: SourceSpec) -> None:
        """Leave all checks to the function."""

    def prepare(self, spec: SourceSpec, target: Path, report: Report) -> Prepared:
        """Have the function fill a new directory, and make that the target."""
        with replacing(target, report) as made:
            made.mkdir()
            revision: object = self._fill(spec, made, report)  # a plugin may return anything
            if revision is not None and not isinstance(revision, str):
                got = type(revision).__name__
                raise SourceError(f"source type '{self._name}' returned a {got}; its revision or None is expected")
        return Prepared(target.resolve(), revision)
