"""The secret variables of a job, and the check of the lists that say which step gets which."""

from __future__ import annotations

from typing import TYPE_CHECKING

from runnerlib.config import SECRETS
from runnerlib.engine.step_secrets import SecretVariables
from runnerlib.errors import ConfigError, unknown
from runnerlib.runner.environment import JOB_ENV, named_secrets
from runnerlib.secrets.lookup import PASSWORD_VARIABLE

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping

    from runnerlib.config import RunnerConfig
    from runnerlib.pipeline.job import Job
    from runnerlib.runner.services import RunServices

# What only a running step or job can say: its outputs.
_LATER = "RUNNERLIB_OUTPUT_"
# The likeness from which on a name is another one, misspelt.
_MISSPELT = 0.9


def secret_variables(
    job: Job, env: Mapping[str, str], named: Iterable[str], config: RunnerConfig, services: RunServices
) -> SecretVariables:
    """Return the secret variables of a job: those that are `named`, or secret by their names or values.

    Raises ConfigError as `check_lists` does, unless plugins may still add variables.
    """
    # The variables of the whole job are in one of them.
    always = (*(setting.variable for setting in SECRETS), PASSWORD_VARIABLE, JOB_ENV)
    found = (secret.name for secret in named_secrets(env, config))
    names = frozenset((*found, *named, *always, *job.secret_names(), *config.secret_env_names))
    masker = services.masker
    secrets = SecretVariables(names, lambda value: masker.mask_string(value) != value)
    if not services.plugins:
        check_lists(job, env, secrets, config)
    return secrets


def check_lists(job: Job, env: Mapping[str, str], secrets: SecretVariables, config: RunnerConfig) -> None:
    """Raise ConfigError with a line for each listed secret that the job cannot have.

    A step that waits for others may list what one of them exports, unless that is nearly the name of a secret.
    """
    there = {*env, *config.secret_env_names}
    if there >= job.secret_names():
        return
    known = {name for name, value in env.items() if name in secrets.names or secrets.holds_secret(value)}
    lines = [f"job '{job.name}': {text}" for text in _unknown_names(job, there, sorted(known - {JOB_ENV}))]
    if lines:
        raise ConfigError("\n".join(lines))


def _unknown_names(job: Job, there: Collection[str], known: Collection[str]) -> Iterator[str]:
    graph = job.dependencies() if any(step.secrets for step in job.steps) else {}
    for name in _missing(job.secrets, there):
        yield f"secrets: {_told(name, known, there)}"
    for step in job.steps:
        for name in _missing(step.secrets, there):
            if not graph[step.name] or _near(name, there, _MISSPELT):
                yield f"step '{step.name}': secrets: {_told(name, known, there)}"


def _missing(listed: Iterable[str] | None, there: Collection[str]) -> Iterator[str]:
    return (name for name in listed or () if name not in there and not name.startswith(_LATER))


def _near(name: str, there: Collection[str], likeness: float = 0.6) -> list[str]:
    from difflib import get_close_matches  # only for an error, as in `unknown`

    return get_close_matches(name, there, 1, likeness)


def _told(name: str, known: Collection[str], there: Collection[str]) -> str:
    text = unknown("secret", name, known) if known else f"unknown secret '{name}' (the job has none)"
    near = () if "did you mean" in text else _near(name, there)
    return f"unknown secret '{name}'; did you mean the variable '{near[0]}'?" if near else text
