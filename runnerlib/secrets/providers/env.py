"""The provider `env`: variables of the runner, `SECRET_DB_PROD__PASSWORD` for `${secret:db/prod:password}`."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from runnerlib.secrets.providers.context import Setup


def variable(path: str, key: str) -> str:
    """Return the name of the variable: capitals, `_` for other characters, two between path and key."""
    path, key = (re.sub("[^A-Z0-9]", "_", part.upper()) for part in (path, key))
    return f"SECRET_{path}__{key}"


def get(path: str, key: str, setup: Setup) -> str | None:
    """The value of the variable, if there is one."""
    return setup.environ.get(variable(path, key))
