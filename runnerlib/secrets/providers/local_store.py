"""The provider `local`: the encrypted store of this machine."""

from __future__ import annotations

from typing import TYPE_CHECKING

from runnerlib.errors import ConfigError
from runnerlib.secrets.local_store import get_default_base_path, is_initialized, secret_get

if TYPE_CHECKING:
    from runnerlib.secrets.providers.context import Setup


def get(path: str, key: str, setup: Setup) -> str | None:
    """The value in the store. Raises ConfigError when there is no store or its password is wrong."""
    base = get_default_base_path()
    if not is_initialized(base):
        if len(setup.config.secret_providers) > 1:
            return None
        raise ConfigError(f"there is no secret store in '{base}'; make one with 'runnerlib secrets init'")
    return secret_get(path, key, setup.password(), base)
