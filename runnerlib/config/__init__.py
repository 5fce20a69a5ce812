"""Configuration: what can be set (`settings`), from where (`layers`, `file`), in which form (`kinds`)."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from runnerlib.config.file import load
from runnerlib.config.layers import Layer, Lowest, Origin, Resolved, resolve
from runnerlib.config.settings import SETTINGS, RunnerConfig, Setting

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = [
    "CONFIG_VARIABLE",
    "SETTINGS",
    "Layer",
    "Lowest",
    "Origin",
    "Resolved",
    "RunnerConfig",
    "Setting",
    "get_config",
    "load",
    "read",
    "resolve",
]

CONFIG_VARIABLE = "REACTORCIDE_CONFIG"


def read(
    command_line: Mapping[str, object],
    environ: Mapping[str, str],
    file: str | None = None,
    job_file: Lowest | None = None,
) -> Resolved:
    """Resolve all layers; the file is `file` or the one REACTORCIDE_CONFIG names. Raises ConfigError."""
    path = file or environ.get(CONFIG_VARIABLE)
    return resolve(command_line, environ, load(path) if path else None, path or "", job_file)


def get_config(**overrides: object) -> RunnerConfig:
    """The configuration of this process, `overrides` (setting names) winning over every other layer.

    Raises ConfigError for an unknown name or a value that its setting does not allow.
    """
    return read(overrides, os.environ).config
