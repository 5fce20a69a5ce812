"""The configuration under the names of Reactorcide's runner, `src.config`, for job scripts that use these."""

from __future__ import annotations

import os
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from runnerlib.config import SETTINGS, RunnerConfig, get_config, resolve
from runnerlib.environment import job_environment
from runnerlib.paths import locate

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = [
    "ConfigManager",
    "RunnerConfig",
    "config_manager",
    "get_config",
    "get_environment_vars",
    "get_secrets_to_mask",
]

_EXPORTED = ("code_dir", "job_dir", "job_command")


class ConfigManager:
    """What there is to set, and the settings of this process."""

    DEFAULTS: Mapping[str, object] = MappingProxyType(
        {name: setting.default for name, setting in SETTINGS.items() if setting.default not in (None, ())}
    )
    ENV_VARS: Mapping[str, str] = MappingProxyType({name: setting.variable for name, setting in SETTINGS.items()})

    def get_config(self, **overrides: object) -> RunnerConfig:
        """The settings, `overrides` winning over every other layer. Raises ConfigError."""
        return get_config(**overrides)

    def parse_job_environment(self, job_env: str | None) -> dict[str, str]:
        """The variables in `NAME=VALUE` lines, or in a file `./job/...` of them. Raises ConfigError."""
        return _variables(job_env)

    def get_all_environment_vars(self, config: RunnerConfig) -> dict[str, str]:
        """The variables that say where and what a job is, and those of its job_env. Raises ConfigError."""
        return get_environment_vars(config)


config_manager = ConfigManager()


def get_environment_vars(config: RunnerConfig) -> dict[str, str]:
    """REACTORCIDE_CODE_DIR, _JOB_DIR and _JOB_COMMAND, as far as they are set, and the variables of job_env.

    Without job_dir a job runs in its code_dir. Raises ConfigError.
    """
    values = {name: getattr(config, name) for name in _EXPORTED}
    values["job_dir"] = values["job_dir"] or values["code_dir"]
    named = {SETTINGS[name].variable: str(value) for name, value in values.items() if value is not None}
    return named | _variables(config.job_env)


def get_secrets_to_mask(config: RunnerConfig, env_vars: Mapping[str, str]) -> list[str]:
    """The values that Reactorcide's runner masks: those that secret_values_list and secret_env_names say.

    With neither, that is every value of `env_vars` whose name does not begin with REACTORCIDE_. Jobs of
    this runner have more masked. Raises ConfigError when a file of values cannot be read.
    """
    named = [env_vars[name] for name in config.secret_env_names if env_vars.get(name)]
    if config.secret_values_list is None and not config.secret_env_names:
        return list(dict.fromkeys(v for name, v in env_vars.items() if v and not name.startswith("REACTORCIDE_")))
    return list(dict.fromkeys([*named, *_listed(config.secret_values_list)]))


def _variables(job_env: str | Mapping[str, str] | None) -> dict[str, str]:
    workspace = locate(os.environ, Path.cwd())
    return job_environment(resolve({"job_env": job_env}, {}), {}, workspace, {}).variables


def _listed(values: str | tuple[str, ...] | None) -> list[str]:
    if values is None:
        return []
    workspace = locate(os.environ, Path.cwd())
    found = job_environment(resolve({"secret_values_list": values}, {}), {}, workspace, {}).secrets
    return [secret.value for secret in found if secret.name.endswith("of secret_values_list")]
