"""runnerlib runs CI/CD jobs inside their containers, with every secret masked."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from runnerlib.api import run_job, run_step
    from runnerlib.config import RunnerConfig, get_config
    from runnerlib.errors import RunnerError
    from runnerlib.job import Job, Retry, Step
    from runnerlib.masking import SecretMasker, mask_stream, mask_text
    from runnerlib.result import JobResult, StepResult

__all__ = [
    "Job",
    "JobResult",
    "Retry",
    "RunnerConfig",
    "RunnerError",
    "SecretMasker",
    "Step",
    "StepResult",
    "__version__",
    "get_config",
    "mask_stream",
    "mask_text",
    "run_job",
    "run_step",
]
__version__ = "0.1.0"

_HOMES = {
    "Job": "runnerlib.job",
    "JobResult": "runnerlib.result",
    "Retry": "runnerlib.job",
    "RunnerConfig": "runnerlib.config",
    "RunnerError": "runnerlib.errors",
    "SecretMasker": "runnerlib.masking",
    "Step": "runnerlib.job",
    "StepResult": "runnerlib.result",
    "get_config": "runnerlib.config",
    "mask_stream": "runnerlib.masking",
    "mask_text": "runnerlib.masking",
    "run_job": "runnerlib.api",
    "run_step": "runnerlib.api",
}


def __getattr__(name: str) -> object:
    """Load a public name when it is first used, so that `import runnerlib` costs nothing."""
    if name not in _HOMES:
        raise AttributeError(f"module 'runnerlib' has no attribute '{name}'")
    import importlib

    value: object = getattr(importlib.import_module(_HOMES[name]), name)
    globals()[name] = value
    return value
