"""Variables from files in the directory of a job, read when a step starts."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

from runnerlib._util.files import read_regular
from runnerlib.errors import ConfigError, one_line
from runnerlib.pipeline.job import VARIABLE_NAME
from runnerlib.runner.environment import named_secrets

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from runnerlib.engine import StepHooks
    from runnerlib.events.result import StepResult
    from runnerlib.masking import SecretMasker
    from runnerlib.masking.candidates import Secret
    from runnerlib.pipeline.job import Step
    from runnerlib.runner.plan import JobPlan

_LARGEST = 1 << 20
_NAME = re.compile(VARIABLE_NAME)
_ESCAPES = {"\\n": "\n", "\\t": "\t", '\\"': '"', "\\\\": "\\"}
_ESCAPED = re.compile(r'\\[nt"\\]')


class EnvFiles:
    """Reads the files of a job and of its steps; the masker knows what looks secret in them before a step does.

    What is said of a step wins over its files, these over what the job hands it on, and that over the files of the job.
    """

    def __init__(self, plan: JobPlan, masker: SecretMasker, inner: StepHooks | None) -> None:
        """`inner` are other hooks of the steps, which get the variables of the files as well."""
        self._plan = plan
        self._masker = masker
        self._inner = inner

    async def before(self, step: Step, env: Mapping[str, str]) -> Mapping[str, str]:
        """Return the environment of a step with the variables of its files. Raises ConfigError and PathError."""
        env = self._with_files(step, env)
        return env if self._inner is None else await self._inner.before(step, env)

    async def after(self, step: Step, result: StepResult) -> None:
        """Pass the result on."""
        if self._inner is not None:
            await self._inner.after(step, result)

    def _with_files(self, step: Step, env: Mapping[str, str]) -> dict[str, str]:
        """Return the variables of a step with those of files. Raises ConfigError and PathError."""
        plan = self._plan
        below = self._read(plan.job.env_file, "the job")
        listed = plan.job.secrets_of(step)
        if listed is not None:
            hidden = {secret.name for secret in self._secrets(below)} - set(listed)
            below = {name: value for name, value in below.items() if name not in hidden}
        own = self._read(step.env_file, f"step '{one_line(step.name)}'")
        return {
            **env,
            # A variable that is as it was before the job is nobody's word.
            **{name: value for name, value in below.items() if self._is_free(name, env)},
            **{name: value for name, value in own.items() if name not in step.env},
        }

    def _is_free(self, name: str, env: Mapping[str, str]) -> bool:
        return name not in self._plan.given and env.get(name) == self._plan.environ.get(name)

    def _read(self, files: Iterable[str], subject: str) -> dict[str, str]:
        found: dict[str, str] = {}
        for given in files:
            found |= self._variables(given, f"env_file of {subject}")
        for secret in self._secrets(found):
            self._masker.register_secret(secret.value, secret.name)
        return found

    def _secrets(self, variables: Mapping[str, str]) -> Iterator[Secret]:
        return named_secrets(variables, self._plan.config, self._plan.job.secret_names())

    def _variables(self, given: str, subject: str) -> dict[str, str]:
        plan = self._plan
        path = plan.workspace.resolve(given if given.startswith("/") else f"{plan.job_dir}/{given}", subject)
        try:
            # A step may put a link in the place of a directory after the look: none is followed any more.
            above = plan.workspace.opened_directory(path.parent)
            try:
                text = read_regular(path.name, _LARGEST, dir_fd=above).decode()
            finally:
                os.close(above)
        except (OSError, UnicodeDecodeError) as error:
            why = error.strerror if isinstance(error, OSError) else "it is no UTF-8 text"
            raise ConfigError(f"{subject}: cannot read '{one_line(given)}': {(why or str(error)).lower()}") from None
        return dict(_lines(text, f"{subject}: '{one_line(given)}'"))


def _lines(text: str, where: str) -> Iterator[tuple[str, str]]:
    """Yield the variables of a file: NAME=VALUE, in quotes or not, with `export` or not; `#` begins a comment."""
    for number, line in enumerate(text.split("\n"), 1):
        stripped = line.strip()
        if not stripped or stripped.startswith("#"):
            continue
        name, equals, value = stripped.removeprefix("export ").partition("=")
        if not equals or not _NAME.fullmatch(name.strip()):
            raise ConfigError(f"{where}: line {number} is not NAME=VALUE")
        yield name.strip(), _value(value.strip(), f"{where}: line {number}")


def _value(written: str, where: str) -> str:
    if written[:1] not in {"'", '"'}:
        return written.partition(" #")[0].rstrip() if "\0" not in written else _refused(where)
    quote = written[0]
    end = re.match(r"'([^']*)'" if quote == "'" else r'"((?:[^"\\]|\\.)*)"', written)
    rest = written[end.end() :].strip() if end else "…"
    if end is None or (rest and not rest.startswith("#")) or "\0" in written:
        return _refused(where)
    return end[1] if quote == "'" else _ESCAPED.sub(lambda found: _ESCAPES[found[0]], end[1])


def _refused(where: str) -> str:
    raise ConfigError(f"{where} has a quote that does not end there, or a NUL byte")
