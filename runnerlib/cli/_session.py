"""State shared by the commands of one invocation: debug option, log format, and the services of its run."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from runnerlib.masking import SecretMasker
from runnerlib.output import chosen_format
from runnerlib.secrets.lookup import SecretResolver

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from runnerlib.runner.request import RunRequest
    from runnerlib.runner.services import RunServices


class Session:
    """One invocation. Until the masker of its run knows the secrets, `masker` hides every possible secret."""

    def __init__(self, args: Sequence[str], environ: Mapping[str, str] | None = None) -> None:
        self.debug = False
        self.services: RunServices | None = None
        self.resolver = SecretResolver(_ask)
        self.log_format: str | None = None
        self.config_exit_code: int | None = None
        self.args = args
        self.directory = ""
        self._environ = os.environ if environ is None else environ

    @property
    def structured(self) -> bool:
        """True if errors are lines of a structured log; before settings are known, by the environment."""
        return chosen_format(self._environ, self.log_format or self._environ.get("REACTORCIDE_LOG_FORMAT")) == "json"

    def serve(self, request: RunRequest, resolver: SecretResolver | None = None) -> RunServices:
        """Make the services of the run that this invocation is for. Raises ConfigError."""
        # Commands without a run need none of this.
        from runnerlib.runner.services import Invocation, services_for

        self.services = services_for(request.resolved, resolver or self.resolver)
        self.services.invocation = Invocation(tuple(self.args), self.directory)
        return self.services

    def masker(self) -> SecretMasker:
        """Return the masker of the run or, before it knows the secrets, a masker with every possible secret."""
        if self.services is not None and self.services.secrets_known:
            return self.services.masker
        cautious = SecretMasker()
        self.suspect(cautious)
        return cautious

    def suspect(self, masker: SecretMasker) -> None:
        """Register every possible secret with `masker`, from all layers, also from those that were overridden."""
        # Loaded only here, because this is needed for errors only.
        from runnerlib.cli._secret_guess import suspects

        masker.register_secrets(suspects(self.args, self._environ))
        masker.register_secrets(self.resolver.values)


def _ask() -> str:
    """Prompt for the password of the secret store; few invocations need it."""
    from runnerlib.cli._prompt import password

    return password()
