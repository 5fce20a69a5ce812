"""What the commands of one invocation share: whether to debug, and the masker for what they show."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from runnerlib.masking import SecretMasker
from runnerlib.output.log.level import chosen_format
from runnerlib.secrets.providers import Lookup

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


class Session:
    """One invocation. Until a plan has made the right masker, `masker` hides whatever may be secret."""

    def __init__(self, args: Sequence[str], environ: Mapping[str, str] | None = None) -> None:
        self.debug = False
        self.planned: SecretMasker | None = None
        self.lookup = Lookup(_ask)
        self.log_format: str | None = None
        self._args = args
        self._environ = os.environ if environ is None else environ

    @property
    def structured(self) -> bool:
        """Whether errors are lines of a structured log; until the settings are known the environment says so."""
        return chosen_format(self._environ, self.log_format or self._environ.get("REACTORCIDE_LOG_FORMAT")) == "json"

    def mask_with(self, masker: SecretMasker) -> None:
        """Mask with the masker of a plan from now on."""
        self.planned = masker

    def masker(self) -> SecretMasker:
        """The masker of the plan or, before there is one, a cautious one."""
        if self.planned is not None:
            return self.planned
        cautious = SecretMasker()
        self.suspect(cautious)
        return cautious

    def suspect(self, masker: SecretMasker) -> None:
        """Make `masker` hide whatever any layer may have meant to be secret, those included that did not win."""
        # Only an error comes here, and most runs have none: what it takes to suspect is loaded then.
        from runnerlib.cli._secret_guess import suspects

        masker.register_secrets(suspects(self._args, self._environ))
        masker.register_secrets(self.lookup.values)


def _ask() -> str:
    """Prompt for the password of the secret store; few invocations need it."""
    from runnerlib.cli._prompt import password

    return password()
