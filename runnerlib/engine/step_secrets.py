"""Secrets of steps: the variables of a job that a step does not get. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from runnerlib._util.paths import RECORDS_VARIABLE

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping

# Without these a step finds neither its files nor its programs. They may hold a short word that is a secret by chance.
_PLAIN = frozenset(
    {
        *("PATH", "HOME", "PWD", "TMPDIR", "USER", "LOGNAME", "SHELL", "LANG", "TERM"),
        *("REACTORCIDE_CODE_DIR", "REACTORCIDE_JOB_DIR", "REACTORCIDE_ARTIFACTS_DIR", "REACTORCIDE_SECRETS_SOCKET"),
        *("RUNNERLIB_TRIGGERS", RECORDS_VARIABLE, "RUNNERLIB_WORKSPACE", "RUNNERLIB_GRANTED"),
        *("RC_WF_NODE_NAME", "RC_WF_OUTPUT_FILE", "RC_WF_VARS_FILE"),
    }
)


class SecretVariables(NamedTuple):
    """The secret variables of a job: those with such `names`, and those whose value `holds_secret`.

    By its value a copy of a secret is found under whatever name a step has exported it.
    """

    names: frozenset[str]
    holds_secret: Callable[[str], bool]

    def granted(self, listed: Iterable[str]) -> Grant:
        """Return the grant of a step that lists these secrets."""
        return Grant(self, frozenset(listed))


class Grant(NamedTuple):
    """The variables of a job that a step gets: the secrets it lists, and all that is no secret."""

    secrets: SecretVariables
    listed: Collection[str]

    def of_job(self, variables: Mapping[str, str]) -> dict[str, str]:
        """Return the variables of the job that the step gets."""
        plain = _PLAIN - self.secrets.names
        return {name: value for name, value in variables.items() if name in plain or self._is_granted(name, value)}

    def exported(self, variables: Mapping[str, str]) -> dict[str, str]:
        """Return the variables of another step that the step gets."""
        return {name: value for name, value in variables.items() if self._is_granted(name, value)}

    def directories(self, path: Iterable[str]) -> tuple[str, ...]:
        """Return the directories for PATH of another step that the step gets."""
        return tuple(directory for directory in path if not self.secrets.holds_secret(directory))

    def _is_granted(self, name: str, value: str) -> bool:
        return name in self.listed or not (name in self.secrets.names or self.secrets.holds_secret(value))
