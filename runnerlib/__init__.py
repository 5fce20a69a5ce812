"""runnerlib runs CI/CD jobs inside their containers, with every secret masked."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from runnerlib.config import RunnerConfig, get_config
    from runnerlib.errors import RunnerError
    from runnerlib.masking import SecretMasker, mask_stream, mask_text

__all__ = [
    "RunnerConfig",
    "RunnerError",
    "SecretMasker",
    "__version__",
    "get_config",
    "mask_stream",
    "mask_text",
]
__version__ = "0.1.0"

_HOMES = {
    "RunnerConfig": "runnerlib.config",
    "RunnerError": "runnerlib.errors",
    "SecretMasker": "runnerlib.masking",
    "get_config": "runnerlib.config",
    "mask_stream": "runnerlib.masking",
    "mask_text": "runnerlib.masking",
}


def __getattr__(name: str) -> object:
    """Load a public name when it is first used, so that `import runnerlib` costs nothing."""
    if name not in _HOMES:
        raise AttributeError(f"module 'runnerlib' has no attribute '{name}'")
    import importlib

    value: object = getattr(importlib.import_module(_HOMES[name]), name)
    globals()[name] = value
    return value
