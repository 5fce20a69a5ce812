"""runnerlib runs CI/CD jobs inside their containers, with every secret masked."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from runnerlib.api.awaiting import execute_async
    from runnerlib.api.running import execute, run_job, run_step
    from runnerlib.config import RunnerConfig, get_config
    from runnerlib.errors import ConfigError, RunnerError, SourceError
    from runnerlib.job import Job, Retry, Step
    from runnerlib.masking import SecretMasker, mask_stream
    from runnerlib.result import JobResult, StepResult
    from runnerlib.secrets import mask_text, register_secret

__all__ = [
    "ConfigError",
    "Job",
    "JobResult",
    "Retry",
    "RunnerConfig",
    "RunnerError",
    "SecretMasker",
    "SourceError",
    "Step",
    "StepResult",
    "__version__",
    "execute",
    "execute_async",
    "get_config",
    "mask_stream",
    "mask_text",
    "register_secret",
    "run_job",
    "run_step",
]
__version__ = "0.1.0"

_HOMES = {
    "ConfigError": "runnerlib.errors",
    "Job": "runnerlib.job",
    "JobResult": "runnerlib.result",
    "Retry": "runnerlib.job",
    "RunnerConfig": "runnerlib.config",
    "RunnerError": "runnerlib.errors",
    "SecretMasker": "runnerlib.masking",
    "SourceError": "runnerlib.errors",
    "Step": "runnerlib.job",
    "StepResult": "runnerlib.result",
    "execute": "runnerlib.api.running",
    "execute_async": "runnerlib.api.awaiting",
    "get_config": "runnerlib.config",
    "mask_stream": "runnerlib.masking",
    "mask_text": "runnerlib.secrets",
    "register_secret": "runnerlib.secrets",
    "run_job": "runnerlib.api.running",
    "run_step": "runnerlib.api.running",
}


def __getattr__(name: str) -> object:
    """Load a public name when it is first used, so that `import runnerlib` costs nothing."""
    if name not in _HOMES:
        raise AttributeError(f"module 'runnerlib' has no attribute '{name}'")
    import importlib

    value: object = getattr(importlib.import_module(_HOMES[name]), name)
    globals()[name] = value
    return value
