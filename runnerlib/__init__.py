"""runnerlib runs CI/CD jobs inside their containers, with every secret masked."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from runnerlib.api.awaiting import execute_async
    from runnerlib.api.running import execute, run_job, run_step
    from runnerlib.config import RunnerConfig, get_config
    from runnerlib.context import env
    from runnerlib.errors import ConfigError, RunnerError, SourceError
    from runnerlib.git_ops import changed_files, get_files_changed, get_repository_info, git_info
    from runnerlib.job import Job, Retry, Step
    from runnerlib.masking import SecretMasker, mask_stream
    from runnerlib.result import JobResult, StepResult
    from runnerlib.secrets import mask_text, register_secret
    from runnerlib.source_prep import (
        get_code_directory_path,
        get_job_base_path,
        get_job_directory_path,
        is_in_container_mode,
        prepare_ci_source,
        prepare_source,
    )

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
    "changed_files",
    "env",
    "execute",
    "execute_async",
    "get_code_directory_path",
    "get_config",
    "get_files_changed",
    "get_job_base_path",
    "get_job_directory_path",
    "get_repository_info",
    "git_info",
    "is_in_container_mode",
    "mask_stream",
    "mask_text",
    "prepare_ci_source",
    "prepare_source",
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
    "changed_files": "runnerlib.git_ops",
    "env": "runnerlib.context",
    "execute": "runnerlib.api.running",
    "execute_async": "runnerlib.api.awaiting",
    "get_code_directory_path": "runnerlib.source_prep",
    "get_config": "runnerlib.config",
    "get_files_changed": "runnerlib.git_ops",
    "get_job_base_path": "runnerlib.source_prep",
    "get_job_directory_path": "runnerlib.source_prep",
    "get_repository_info": "runnerlib.git_ops",
    "git_info": "runnerlib.git_ops",
    "is_in_container_mode": "runnerlib.source_prep",
    "mask_stream": "runnerlib.masking",
    "mask_text": "runnerlib.secrets",
    "prepare_ci_source": "runnerlib.source_prep",
    "prepare_source": "runnerlib.source_prep",
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
