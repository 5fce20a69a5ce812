"""The environment of a job, and the secrets in its configuration and environment."""

from __future__ import annotations

import os
import re
from types import MappingProxyType
from typing import TYPE_CHECKING

from runnerlib._util.values import NamedTuple
from runnerlib.config import SECRETS, SETTINGS
from runnerlib.masking.candidates import Secret, guess, secret_texts
from runnerlib.pipeline.job import VARIABLE_NAME
from runnerlib.secrets.lookup import PASSWORD_VARIABLE

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
    from pathlib import Path

    from runnerlib._util.paths import Workspace
    from runnerlib.config import Resolved, RunnerConfig
    from runnerlib.pipeline.job import Job

# Patterns as texts: they are compiled when they are first used, and a plain start uses none.
_FILE_PREFIX = "./job/"

# Only the runner needs these, so they are not in the environment of a job.
_WITHHELD = (
    *(one.variable for one in SETTINGS.values() if one.secret and not one.passed_on),
    *(PASSWORD_VARIABLE, SETTINGS["fleet"].variable),
)
# Files with commands to the CI service: output of a step must never become a command.
_COMMANDS = ("GITHUB_ENV", "GITHUB_OUTPUT", "GITHUB_PATH", "GITHUB_STATE", "GITHUB_STEP_SUMMARY")
JOB_ENV = "REACTORCIDE_JOB_ENV"
# The directory where a worker has stored credentials of git, which `source.git_credentials` reads.
CREDENTIALS = "REACTORCIDE_VCS_AUTH_DIR"
# The names of some settings look secret, as REACTORCIDE_SECRET_ENV_NAMES.
_PLAIN = frozenset(setting.variable for setting in SETTINGS.values() if not setting.secret)
# A list whose items may be in a file.
_LIST = "secret_values_list"
# Variables for the provider `env`: a job gets only the secrets that it refers to, under its own names.
_PROVIDED = r"SECRET_[A-Z0-9_]+__[A-Z0-9_]+"


class JobEnvironment(NamedTuple):
    """The variables of a job and every secret known before it starts, listed ones first.

    `given` are the names of the variables that are set for the job, not inherited from the runner; `secret_names` those
    of secrets_file and of what refers to a secret.
    """

    variables: dict[str, str]
    secrets: list[Secret]
    given: frozenset[str]
    secret_names: frozenset[str] = frozenset()


class Files:
    """Reader of the files that settings name; it reads each once, because a pipe cannot be read again."""

    def __init__(self, texts: Mapping[str, str] = MappingProxyType({})) -> None:
        """`texts` are those of files that need not be read, by path."""
        self.texts: dict[str, str] = dict(texts)

    def read(self, resolved: Resolved, name: str, path: str) -> str:
        """Return the text of the file at `path`. Raises ConfigError about the setting `name`."""
        if path not in self.texts:
            try:
                with open(path, encoding="utf-8", errors="surrogateescape") as file:
                    self.texts[path] = file.read()
            except (OSError, ValueError) as error:
                why = error.strerror if isinstance(error, OSError) else "not a path"
                raise resolved.error(name, f"cannot read '{path}': {why}") from None
        return self.texts[path]


def _as_it_is(text: str, _where: str) -> str:
    return text


def job_environment(
    resolved: Resolved,
    environ: Mapping[str, str],
    workspace: Workspace,
    places: Mapping[str, Path | str],
    job: Job | None = None,
    files: Files | None = None,
    reveal: Callable[[str, str], str] = _as_it_is,
) -> JobEnvironment:
    """Build the variables from `environ`, `places`, secrets_file, `job` and job_env; later ones win.

    `reveal(value, position)` replaces the references to secrets in a value of job_env or secret_values_list;
    `position` names the place of the value in error messages.

    The variables of single steps and services are searched for secrets as well. Each file is read once, so it may
    be a pipe; with the same `files` this also holds across calls. Raises ConfigError when a file cannot be read or a
    line of job_env is not NAME=VALUE.
    """
    files = files or Files()
    filed = list(_secrets_file(resolved, files))
    withheld = _withheld(environ, resolved.config)
    given = {name: str(place) for name, place in places.items()}
    given.update((name, value) for name, value in filed if name)
    given.update(job.env if job else {})
    for name in ("job_env", _LIST):
        _check_origin(resolved, name, environ, workspace, files)
    own = dict(_job_env(resolved, workspace, files))
    given.update((name, reveal(value, f"job_env: {name}")) for name, value in own.items())
    variables = {**{name: value for name, value in environ.items() if name not in withheld}, **given}
    resolved = _with_listed(resolved, job, variables)
    listed = [reveal(value, "secret_values_list") for value in _listed_values(resolved, workspace, files)]
    secrets = list(_secrets(resolved, environ, variables, filed, listed))
    owners = () if job is None else (job.steps, job.services)
    for env in (one.env for owner in owners for one in owner):
        secrets.extend(named_secrets(env, resolved.config))
    known = [secret for secret in secrets if not _is_reference(secret.value)]
    named = {*filter(None, (name for name, _ in filed)), *referring(own)}
    return JobEnvironment(variables, known, frozenset(given), frozenset(named))


def with_changes(env: dict[str, str], changes: Mapping[str, str | None]) -> dict[str, str]:
    """Return the variables with changes by plugins made in them; None removes one."""
    env.update({name: value for name, value in changes.items() if value is not None})
    for name in (name for name, value in changes.items() if value is None):
        env.pop(name, None)
    return env


def referring(variables: Mapping[str, str]) -> Iterator[str]:
    """Yield the names of the variables that refer to secrets."""
    return (name for name, value in variables.items() if "${secret:" in value)


def _with_listed(resolved: Resolved, job: Job | None, variables: Mapping[str, str]) -> Resolved:
    """Return the settings with the variables that the job itself lists as secret among the names of secrets."""
    named = job.secret_names() & variables.keys() if job else ()
    names = tuple(dict.fromkeys((*resolved.config.secret_env_names, *sorted(named))))
    return resolved.changed({"secret_env_names": (names, resolved.origin("secret_env_names"))}) if named else resolved


def _is_reference(value: str) -> bool:
    """Return whether `value` is a reference to a secret that was not resolved."""
    if not value.startswith("${secret:"):
        return False
    from runnerlib.secrets.references import is_secret_ref

    return is_secret_ref(value)


def _withheld(environ: Mapping[str, str], config: RunnerConfig) -> Collection[str]:
    """Return the names of the runner's variables that a job does not get."""
    withheld = {*_WITHHELD, *_COMMANDS}
    if "env" in config.secret_providers:
        withheld.update(name for name in environ if re.fullmatch(_PROVIDED, name))
    if "${secret:" in environ.get(JOB_ENV, ""):  # a runner within the job gets the resolved values, and no password
        withheld.add(JOB_ENV)
    return withheld


def private(environ: Mapping[str, str]) -> set[str]:
    """Return the names of the variables that are for the runner alone, whatever the settings."""
    return {name for name in environ if name in {*_WITHHELD, JOB_ENV} or re.fullmatch(_PROVIDED, name)}


def without_private(environ: Mapping[str, str]) -> dict[str, str]:
    """Return `environ` for a helper process, without private variables: other processes of its user can read it."""
    hidden = private(environ)
    return {name: value for name, value in environ.items() if name not in hidden}


def named_secrets(
    variables: Mapping[str, str], config: RunnerConfig, job_lists: Collection[str] = ()
) -> Iterator[Secret]:
    """Yield the variables that are secret because settings or the job list them, or because of their names."""
    if not variables:  # as of most steps
        return
    names = {*config.secret_env_names, *job_lists}
    listed = {name: value for name, value in variables.items() if name in names}
    yield from (Secret(name, value) for name, value in listed.items())
    rest = {name: value for name, value in variables.items() if name not in names and name not in _PLAIN}
    yield from guess(rest, config.secret_env_patterns)


def _secrets(
    resolved: Resolved,
    environ: Mapping[str, str],
    variables: Mapping[str, str],
    filed: Iterable[tuple[str, str]],
    listed: Collection[str],
) -> Iterator[Secret]:
    config = resolved.config
    for number, value in enumerate(listed, 1):
        yield Secret(f"value {number} of secret_values_list", value)
    for number, (name, value) in enumerate(filed, 1):
        yield Secret(f"{name or f'value {number}'} of secrets_file", value)
    yield from _secret_settings(resolved, (environ, variables), listed)
    handed_on = variables.get(SETTINGS[_LIST].variable, "")  # to a runner within the job
    yield from (Secret(SETTINGS[_LIST].variable, value) for value in handed_on.split(",") if value)
    for name in (PASSWORD_VARIABLE, *config.secret_env_names):
        values = {variables.get(name, ""), environ.get(name, "")} - {""}
        yield from (Secret(name, value) for value in sorted(values))
        if not values and name in config.secret_env_names:
            yield Secret(name, "")
    yield from _source_secrets(config)
    known = {*config.secret_env_names, PASSWORD_VARIABLE, *_PLAIN, *(setting.variable for setting in SECRETS)}
    rest = {name: value for name, value in {**environ, **variables}.items() if name not in known}
    yield from guess(rest, config.secret_env_patterns)


def _source_secrets(config: RunnerConfig) -> Iterator[Secret]:
    """Yield the passwords in the URLs of the sources, and those that a worker has stored for them."""
    urls = {"source_url": config.source_url, "ci_source_url": config.ci_source_url, "fleet": config.fleet}
    if not (any(urls.values()) or CREDENTIALS in os.environ):
        return
    from runnerlib.source import stored_secrets, url_secrets

    for setting, url in urls.items():
        yield from (Secret(f"credentials of {setting}", value) for value in url_secrets(url))
    yield from (Secret("stored git credentials", value) for value in stored_secrets())


def _secret_settings(
    resolved: Resolved, environments: Iterable[Mapping[str, str]], listed: Collection[str]
) -> Iterator[Secret]:
    """Yield the values of secret settings from all layers: a value that was overridden is secret, too."""
    for setting in SECRETS:
        parsed = [setting.parse(given.value) for given in resolved.given.get(setting.name, ())]
        if setting.name == _LIST:  # the one that holds is read by itself, as a file or with references
            others = {text: None for value in parsed for text in _inline(value) if text and text not in listed}
            yield from (Secret(setting.variable, text) for text in others if "${secret:" not in text)
            continue
        values = [getattr(resolved.config, setting.name), *(env.get(setting.variable) for env in environments), *parsed]
        texts = dict.fromkeys(text for value in values for text in secret_texts(value))
        yield from (Secret(setting.variable, text) for text in texts if text)


def _job_env(resolved: Resolved, workspace: Workspace, files: Files) -> Iterator[tuple[str, str]]:
    given = resolved.config.job_env
    if given is None:
        return
    if not isinstance(given, str):
        yield from given.items()
        return
    text = _file_in_workspace(resolved, "job_env", given, workspace, files)
    for number, line in _lines(given if text is None else text):
        name, equals, value = line.partition("=")
        if not equals or not re.fullmatch(VARIABLE_NAME, name.strip()):
            raise resolved.error("job_env", f"line {number} is not NAME=VALUE")
        yield name.strip(), value


def _listed_values(resolved: Resolved, workspace: Workspace, files: Files) -> Iterator[str]:
    given = resolved.config.secret_values_list
    text = _file_in_workspace(resolved, _LIST, given, workspace, files) if isinstance(given, str) else None
    yield from filter(None, _inline(given) if text is None else (line for _, line in _lines(text, comment="")))


def _inline(given: str | tuple[str, ...] | None) -> Iterable[str]:
    """Return the values that a list itself holds; none where it names a file."""
    if isinstance(given, str):
        return () if given.startswith(_FILE_PREFIX) else given.split(",")
    return given or ()


def _secrets_file(resolved: Resolved, files: Files) -> Iterator[tuple[str, str]]:
    """Yield the (name, value) lines of secrets_file; a line without an assignment has an empty name."""
    path = resolved.config.secrets_file
    if path is None:
        return
    for _, line in _lines(files.read(resolved, "secrets_file", path)):
        name, _, value = line.removeprefix("export ").partition("=")
        # `dG9rZW4=` alone is the end of a base64 value, not an assignment of nothing.
        if value.strip("=") and re.fullmatch(VARIABLE_NAME, name.strip()):
            yield name.strip(), value
        else:
            yield "", line


def _lines(text: str, comment: str = "#") -> Iterator[tuple[int, str]]:
    """Yield the non-empty lines with their numbers. Only \\n and \\r\\n end a line: a value may hold the rest."""
    for number, line in enumerate(text.split("\n"), 1):
        stripped = line.strip()
        if stripped and not (comment and stripped.startswith(comment)):
            yield number, stripped


def _check_origin(
    resolved: Resolved, name: str, environ: Mapping[str, str], workspace: Workspace, files: Files
) -> None:
    """Raise ConfigError when the setting names a file of an untrusted source that refers to a secret."""
    given = getattr(resolved.config, name)
    text = _file_in_workspace(resolved, name, given, workspace, files) if isinstance(given, str) else None
    if text and "${secret:" in text:
        from runnerlib.runner.untrusted import refuse_in_file  # few files refer to secrets

        refuse_in_file(resolved, text, given, environ, workspace)


def _file_in_workspace(resolved: Resolved, name: str, given: str, workspace: Workspace, files: Files) -> str | None:
    """Return the text of the file that `given` names, or None when it names none."""
    if not given.startswith(_FILE_PREFIX):
        return None
    path = workspace.resolve(f"{workspace.base}/{given.removeprefix(_FILE_PREFIX)}", name)
    return files.read(resolved, name, str(path))
