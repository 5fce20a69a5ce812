"""Settings of a process outside of a run, with tokens resolved that are references to secrets."""

from __future__ import annotations

from typing import TYPE_CHECKING

from runnerlib.config import SECRETS, read
from runnerlib.secrets.lookup import ReferenceExpander, SecretResolver

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from runnerlib.config import Resolved
    from runnerlib.masking.candidates import Secret

_TOKENS = tuple(setting.name for setting in SECRETS if setting.name != "secret_values_list")


def settings(
    environ: Mapping[str, str], found: Callable[[Secret], object], given: Mapping[str, object] | None = None
) -> Resolved:
    """Return the settings of `environ` and `given`, with all tokens resolved; `found` gets each secret.

    Raises ConfigError for wrong settings, and for a missing secret.
    """
    resolved = read(given or {}, environ)
    secret = ReferenceExpander(SecretResolver(), resolved, environ, found)
    changes = {}
    for name in _TOKENS:
        value = getattr(resolved.config, name)
        if isinstance(value, str) and (revealed := secret.setting(value, name)) != value:
            changes[name] = revealed, resolved.origin(name)
    secret.check()
    return resolved.changed(changes)
