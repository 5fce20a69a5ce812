"""Everything public is explained, typed, and on the page of the API."""

from __future__ import annotations

import inspect
from pathlib import Path
from types import ModuleType

import runnerlib
from tests.generated import generator

ROOT = Path(__file__).parents[1]
GENERATE: ModuleType = generator("generate_api")
NAMES = sorted(set(runnerlib.__all__) - {"__version__"})


def unexplained(name: str, thing: object) -> list[str]:
    """List what is missing at a public thing and its public members."""
    if inspect.isroutine(thing):
        return _of_function(name, thing)
    made = thing if inspect.isclass(thing) else type(thing)
    missing = [] if made.__doc__ and not made.__doc__.startswith(f"{made.__name__}(") else [f"{name}: docstring"]
    if "__init__" in vars(made) and not issubclass(made, Exception):
        missing += _of_function(f"{name}.__init__", made.__init__, documented=True)
    for member, found in GENERATE.documented(thing):
        function = getattr(found, "fget", None) or getattr(found, "__func__", found)
        missing += _of_function(f"{name}.{member}", function)
    return missing


def _of_function(name: str, function: object, *, documented: bool = False) -> list[str]:
    assert callable(function)
    missing = [] if inspect.getdoc(function) or documented else [f"{name}: docstring"]
    signature = inspect.signature(function)
    for parameter in signature.parameters.values():
        if parameter.annotation is parameter.empty and parameter.name not in {"self", "cls"}:
            missing.append(f"{name}: type of {parameter.name}")
    if signature.return_annotation is signature.empty:
        missing.append(f"{name}: type of what it returns")
    return missing


def test_every_public_name_is_explained_and_typed() -> None:
    assert len(NAMES) > 20
    assert [lack for name in NAMES for lack in unexplained(name, GENERATE.public(name))] == []


def test_what_is_not_explained_is_found() -> None:
    class Bare:
        """A class."""

        def __init__(self, given) -> None:  # type: ignore[no-untyped-def]
            pass

        def bare(self, given: int):  # type: ignore[no-untyped-def]
            pass

        @property
        def shown(self) -> int:
            return 0

    def function(given, *, other: int = 0):  # type: ignore[no-untyped-def]
        """A function."""

    assert unexplained("Bare", Bare) == [
        "Bare.__init__: type of given",
        "Bare.bare: docstring",
        "Bare.bare: type of what it returns",
        "Bare.shown: docstring",
    ]
    assert unexplained("f", function) == ["f: type of given", "f: type of what it returns"]
    assert unexplained("T", type("T", (), {})) == ["T: docstring"]


def test_every_name_is_on_the_page() -> None:
    page = GENERATE.PAGE.read_text(encoding="utf-8")
    assert {name for name in NAMES if f"\n### `{name}`\n" in page} == set(NAMES)


def test_every_home_is_where_the_name_is_from() -> None:
    assert set(runnerlib._HOMES) == set(NAMES)
    for name, home in runnerlib._HOMES.items():
        thing = GENERATE.public(name)
        made = getattr(thing, "__module__", home)
        assert made == home or made.startswith((f"{home}.", home.rpartition(".")[0])), f"{name} is from {made}"
