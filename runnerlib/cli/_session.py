"""State shared by the commands of one invocation: debug option, log format, and the masker of its output."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from runnerlib.masking import SecretMasker
from runnerlib.output.log.level import chosen_format
from runnerlib.secrets.providers import SecretResolver

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


class Session:
    """One invocation. Before there is a plan with its masker, `masker` hides every possible secret."""

    def __init__(self, args: Sequence[str], environ: Mapping[str, str] | None = None) -> None:
        self.debug = False
        self.planned: SecretMasker | None = None
        self.lookup = SecretResolver(_ask)
        self.log_format: str | None = None
        self._args = args
        self._environ = os.environ if environ is None else environ

    @property
    def structured(self) -> bool:
        """True if errors are lines of a structured log; before settings are known, by the environment."""
        return chosen_format(self._environ, self.log_format or self._environ.get("REACTORCIDE_LOG_FORMAT")) == "json"

    def mask_with(self, masker: SecretMasker) -> None:
        """Use the masker of a plan from now on."""
        self.planned = masker

    def masker(self) -> SecretMasker:
        """Return the masker of the plan or, before there is one, a masker with every possible secret."""
        if self.planned is not None:
            return self.planned
        cautious = SecretMasker()
        self.suspect(cautious)
        return cautious

    def suspect(self, masker: SecretMasker) -> None:
        """Register every possible secret with `masker`, from all layers, also from those that were overridden."""
        # Loaded only here, because this is needed for errors only.
        from runnerlib.cli._secret_guess import suspects

        masker.register_secrets(suspects(self._args, self._environ))
        masker.register_secrets(self.lookup.values)


def _ask() -> str:
    """Prompt for the password of the secret store; few invocations need it."""
    from runnerlib.cli._prompt import password

    return password()
