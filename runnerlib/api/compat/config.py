"""The configuration under the names of Reactorcide's runner, `src.config`, for job scripts that use these."""

from __future__ import annotations

import os
from dataclasses import fields
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from runnerlib._util.paths import locate
from runnerlib.config import SETTINGS, get_config, resolve
from runnerlib.config import RunnerConfig as Settings
from runnerlib.errors import unknown
from runnerlib.runner.environment import job_environment

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

_NAMES = tuple(one.name for one in fields(Settings))
_EXPORTED = ("code_dir", "job_dir", "job_command")


# The order of positional arguments there; `checkout_mode`, the last one, does not exist here.
_ORDER = (
    *("code_dir", "job_dir", "job_command", "runner_image", "job_env", "secret_values_list", "secret_env_names"),
    *("secrets_file", "source_type", "source_url", "source_ref", "ci_source_type", "ci_source_url", "ci_source_ref"),
)


class RunnerConfig(Settings):
    """The settings; positional arguments have the order of Reactorcide's runner.

    That is code_dir, job_dir, job_command, runner_image, job_env, secret_values_list, secret_env_names, secrets_file,
    source_type, source_url, source_ref, ci_source_type, ci_source_url, ci_source_ref. Values are checked as get_config
    checks them: raises ConfigError for a wrong value, and TypeError for too many values, for one that is given twice
    and for an unknown setting.
    """

    def __init__(self, *values: object, **named: object) -> None:
        if len(values) > len(_ORDER):
            raise TypeError(f"at most {len(_ORDER)} values without a name are expected, got {len(values)}")
        given = dict(zip(_ORDER, values, strict=False))
        for name, value in named.items():
            if name in given:
                raise TypeError(f"'{name}' is given twice, without its name and with it")
            if name not in _NAMES:
                raise TypeError(unknown("setting", name, _NAMES))
            given[name] = value
        checked = resolve({name: value for name, value in given.items() if value is not None}, {}).config
        super().__init__(**{name: getattr(checked, name) for name in _NAMES})


class ConfigManager:
    """The defaults and variables of all settings, and the settings of this process."""

    DEFAULTS: Mapping[str, object] = MappingProxyType(
        {name: setting.default for name, setting in SETTINGS.items() if setting.default not in (None, ())}
    )
    ENV_VARS: Mapping[str, str] = MappingProxyType({name: setting.variable for name, setting in SETTINGS.items()})

    def get_config(self, **overrides: object) -> Settings:
        """Return the settings; `overrides` win over every other layer. Raises ConfigError."""
        return get_config(**overrides)

    def parse_job_environment(self, job_env: str | None) -> dict[str, str]:
        """Return the variables in `NAME=VALUE` lines, or in a file `./job/...` of them. Raises ConfigError."""
        return _variables(job_env)

    def get_all_environment_vars(self, config: Settings) -> dict[str, str]:
        """Return the variables that describe a job, and those of its job_env. Raises ConfigError."""
        return get_environment_vars(config)


config_manager = ConfigManager()


def get_environment_vars(config: Settings) -> dict[str, str]:
    """Return REACTORCIDE_CODE_DIR, _JOB_DIR and _JOB_COMMAND, if set, and the variables of job_env.

    Without job_dir a job runs in its code_dir. Raises ConfigError.
    """
    values = {name: getattr(config, name) for name in _EXPORTED}
    values["job_dir"] = values["job_dir"] or values["code_dir"]
    named = {SETTINGS[name].variable: str(value) for name, value in values.items() if value is not None}
    return named | _variables(config.job_env)


def get_secrets_to_mask(config: Settings, env_vars: Mapping[str, str]) -> list[str]:
    """Return the values that Reactorcide's runner masks: those of secret_values_list and secret_env_names.

    With neither, that is every value of `env_vars` whose name does not begin with REACTORCIDE_. This runner masks
    more in its jobs. Raises ConfigError when a file of values cannot be read.
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
