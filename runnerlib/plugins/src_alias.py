"""Files that were written for the older package: `from src.plugins import Plugin` means this package.

While code is loaded or called `with older_names()`, and only in its thread, the modules of the package `src` that
plugins and job scripts use are found here. They hold the names of the modules that took their place,
loaded when they are asked for. A package `src` of somebody else is put aside for that time.
"""

from __future__ import annotations

import importlib
import sys
import threading
from contextlib import contextmanager
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_PACKAGE = "src"

HOMES = {
    "src": "runnerlib",
    "src.plugins": "runnerlib.plugins",
    "src.logging": "runnerlib.log",
    "src.workflow": "runnerlib.api.compat.workflow",
    "src.config": "runnerlib.api.compat.config",
    "src.secrets": "runnerlib.secrets",
    "src.secrets_local": "runnerlib.secrets.local_store",
    "src.secrets_resolver": "runnerlib.secrets.references",
    "src.register_secret": "runnerlib.register_secret",
    "src.git_ops": "runnerlib.api.compat.git_ops",
    "src.source_prep": "runnerlib.api.compat.source_prep",
}
"""Where the names of each older module are now."""


_PUBLIC = {"__all__", "__version__"}


class _Older(ModuleType):
    """A module by its older name."""

    def __init__(self, name: str, home: str) -> None:
        super().__init__(name, f"The names of {home}.")
        self._home = home

    def __getattr__(self, name: str) -> object:
        if name.startswith("__") and name not in _PUBLIC:  # what the import system asks for is this module's own
            raise AttributeError(name)
        home = importlib.import_module(self._home)
        try:
            return getattr(home, name)
        except AttributeError:
            raise AttributeError(f"module '{self.__name__}', which is {self._home}, has no '{name}'") from None


class _Inside(threading.local):
    """How often this thread is inside of `older_names`."""

    depth = 0


class _Finder:
    """Finds the older modules, for threads that are inside; a loader as well."""

    def __init__(self) -> None:
        self.inside = _Inside()
        self.lock = threading.Lock()
        self.users = 0
        self.aside: dict[str, ModuleType] = {}

    def find_spec(
        self,
        name: str,
        path: Sequence[str] | None = None,  # noqa: ARG002 - importlib's signature
        target: ModuleType | None = None,  # noqa: ARG002 - idem
    ) -> ModuleSpec | None:
        if not self.inside.depth or name not in HOMES:
            return None
        return ModuleSpec(name, self, origin=HOMES[name], is_package=name == _PACKAGE)  # type: ignore[arg-type]

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        return _Older(spec.name, HOMES[spec.name])

    def exec_module(self, module: ModuleType) -> None:
        """There is nothing to carry out: names are looked up when they are asked for."""

    def enter(self) -> None:
        with self.lock:
            self.users += 1
            if self.users == 1:
                self.aside = _taken_out()
                sys.meta_path.insert(0, self)

    def leave(self) -> None:
        with self.lock:
            self.users -= 1
            if not self.users:
                sys.meta_path.remove(self)
                _taken_out()
                sys.modules.update(self.aside)
                self.aside = {}


_finder = _Finder()


@contextmanager
def older_names() -> Iterator[None]:
    """In this thread the older names mean this package; what was loaded under them is forgotten afterwards."""
    if _finder.inside.depth == 0:
        _finder.enter()
    _finder.inside.depth += 1
    try:
        yield
    finally:
        _finder.inside.depth -= 1
        if _finder.inside.depth == 0:
            _finder.leave()


def _taken_out() -> dict[str, ModuleType]:
    """Take the package and all in it out of the loaded modules."""
    names = [name for name in sys.modules if name == _PACKAGE or name.startswith(f"{_PACKAGE}.")]
    return {name: sys.modules.pop(name) for name in names}
