"""Aliases for files written for the older package: `from src.plugins import Plugin` means this package.

While code is loaded or called `with older_names()`, and only in its thread, this module provides the modules of the
package `src` that plugins and job scripts use. They have the names of the modules that replaced them, loaded on first
use. Another package `src` is removed from the loaded modules for that time.
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
"""The present module for each older module."""


_PUBLIC = {"__all__", "__version__"}


class _Older(ModuleType):
    """A module by its older name."""

    def __init__(self, name: str, home: str) -> None:
        super().__init__(name, f"The names of {home}.")
        self._home = home

    def __getattr__(self, name: str) -> object:
        if name.startswith("__") and name not in _PUBLIC:  # attributes for the import system are this module's own
            raise AttributeError(name)
        home = importlib.import_module(self._home)
        try:
            return getattr(home, name)
        except AttributeError:
            raise AttributeError(f"module '{self.__name__}', which is {self._home}, has no '{name}'") from None


class _Inside(threading.local):
    """The number of `older_names` blocks that this thread is inside of."""

    depth = 0


class _Finder:
    """Finder and loader of the older modules, for threads inside of `older_names`."""

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
        """Do nothing: names are looked up on access."""

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
    """Make the older names mean this package, in this thread; remove modules loaded under them afterwards."""
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
    """Remove the older package from the loaded modules, and return its modules."""
    names = [name for name in sys.modules if name == _PACKAGE or name.startswith(f"{_PACKAGE}.")]
    return {name: sys.modules.pop(name) for name in names}
