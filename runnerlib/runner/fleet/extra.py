"""The libraries of a fleet, which are an extra: one sentence where they are missing. And our own version."""

from __future__ import annotations

from importlib import metadata
from importlib.util import find_spec

from runnerlib.errors import ConfigError

_INSTALL = "pip install 'runnerlib[nats]'"


def require() -> None:
    """Raise ConfigError where a library of the extra `nats` is missing, or too old."""
    for name, module in (("nats-py", "nats"), ("cryptography 47", "cryptography.hazmat.primitives.hpke")):
        if find_spec(module) is None:
            raise ConfigError(f"a fleet needs {name}, which is not installed: {_INSTALL}")


def own_version() -> str:
    """Return the version of this package: dispatcher and workers must have the same."""
    try:
        return metadata.version("runnerlib")
    except metadata.PackageNotFoundError:  # it runs from its sources
        return "sources"
