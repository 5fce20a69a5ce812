"""The settings that a trusted CI source brings: `.reactorcide/runnerlib.yaml`."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from runnerlib.config.file import load
from runnerlib.config.merge import FileLayer, Resolved, merge
from runnerlib.errors import ConfigError

if TYPE_CHECKING:
    from pathlib import Path

NAME = ".reactorcide/runnerlib.yaml"


def with_ci_source(resolved: Resolved, directory: Path) -> Resolved:
    """Add the file of the prepared CI source in `directory` to the layers, below the configuration file.

    Only for a source that the caller of the run trusts, before anything untrusted is prepared. Raises
    ConfigError for a wrong file, for one that leads out of the source or gives a setting that is used before
    the source is prepared, and for a chosen profile that no file has.
    """
    path = directory / NAME
    if not os.path.lexists(path):
        return merge(resolved.layers._replace(ci_file=FileLayer({}, "")))
    real = os.path.realpath(path)
    if not real.startswith(os.path.realpath(directory) + "/"):
        raise ConfigError(f"'{path}' leads to '{real}', outside of the CI source")
    if not os.path.isfile(real):
        raise ConfigError(f"'{path}' is no regular file")
    return merge(resolved.layers._replace(ci_file=FileLayer(load(real), NAME)))
