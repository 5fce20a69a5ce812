"""Configuration: `settings`, their `parsers`, and the precedence of layers (`merge`)."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from runnerlib.config.merge import PROFILES, FileLayer, Layer, LayerValue, Origin, Resolved, resolve
from runnerlib.config.setting import Setting
from runnerlib.config.settings import OBSERVING, SECRETS, SETTINGS, RunnerConfig

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

__all__ = [
    "CONFIG_VARIABLE",
    "OBSERVING",
    "PROFILES",
    "SECRETS",
    "SETTINGS",
    "FileLayer",
    "Layer",
    "LayerValue",
    "Origin",
    "Resolved",
    "RunnerConfig",
    "Setting",
    "get_config",
    "load",
    "read",
    "resolve",
    "with_ci_source",
]

CONFIG_VARIABLE = "REACTORCIDE_CONFIG"


def load(path: str) -> dict[str, object]:
    """The mapping in the file at `path`, as `file.load` reads it. Raises ConfigError."""
    from runnerlib.config import file

    return file.load(path)


def read(
    command_line: Mapping[str, object],
    environ: Mapping[str, str],
    file: str | None = None,
    job_file: FileLayer | None = None,
) -> Resolved:
    """Resolve all layers; the file is `file` or the one REACTORCIDE_CONFIG names. Raises ConfigError."""
    path = file or environ.get(CONFIG_VARIABLE)
    return resolve(command_line, environ, load(path) if path else None, path or "", job_file)


def get_config(**overrides: object) -> RunnerConfig:
    """The configuration of this process, `overrides` (setting names) winning over every other layer.

    Raises ConfigError for an unknown name or a value that its setting does not allow.
    """
    return read(overrides, os.environ).config


def with_ci_source(resolved: Resolved, directory: Path) -> Resolved:
    """`resolved` with the file `.reactorcide/runnerlib.yaml` of the prepared, trusted CI source in `directory`.

    Raises ConfigError; see `ci_file`, which is loaded here since few runs have a CI source.
    """
    from runnerlib.config import ci_file

    return ci_file.with_ci_source(resolved, directory)
