"""Secrets of this process and of its jobs, under the names of Reactorcide's `src.secrets`.

`process_registry` holds the secrets that this process knows, `providers` and `local_store` fetch secrets,
`references` are texts that refer to one, `socket` lets a running job register more, and `register` is its client.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from runnerlib.masking import SecretMasker
    from runnerlib.secrets.process_registry import (
        HERE,
        ProcessMasker,
        clear_secrets,
        get_default_masker,
        has_secret,
        mask_command_args,
        mask_dict_values,
        mask_string,
        mask_text,
        register_env_vars,
        register_secret,
        register_secrets,
    )

__all__ = [
    "HERE",
    "ProcessMasker",
    "SecretMasker",
    "clear_secrets",
    "get_default_masker",
    "has_secret",
    "mask_command_args",
    "mask_dict_values",
    "mask_string",
    "mask_text",
    "register_env_vars",
    "register_secret",
    "register_secrets",
]


def __getattr__(name: str) -> object:
    """Load the registry when it is used: the client of the socket needs no mask."""
    if name not in __all__:
        raise AttributeError(f"module 'runnerlib.secrets' has no attribute '{name}'")
    from runnerlib.secrets import process_registry

    value: object = getattr(process_registry, name)
    globals()[name] = value
    return value
