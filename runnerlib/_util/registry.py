"""Parts that are chosen by name when the program runs: a kind is a package with one module for each name."""

from __future__ import annotations

import importlib
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

KINDS: Mapping[str, str] = MappingProxyType(
    {
        "command": "runnerlib.cli.commands",
        "output mode": "runnerlib.output.modes",
        "provider of secrets": "runnerlib.secrets.providers",
        "source type": "runnerlib.source",
    }
)
"""The package of each kind; a table beside its users (`COMMANDS`, `MODES`, `PROVIDERS`, `BUILT_IN`) has the names."""


def load(kind: str, name: str) -> Any:
    """Return the module called `name` of a kind, imported on first use; callers have looked the name up before."""
    return importlib.import_module(f"{KINDS[kind]}.{name}")
