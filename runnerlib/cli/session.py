"""What the commands of one invocation share: whether to debug, and the masker for what they show."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from runnerlib.config import SETTINGS, RunnerConfig
from runnerlib.masking import SecretMasker
from runnerlib.masking.secrets import guess

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence


class Session:
    """One invocation. Until a plan has made the right masker, `masker` hides whatever may be secret."""

    def __init__(self, args: Sequence[str], environ: Mapping[str, str] | None = None) -> None:
        self.debug = False
        self.planned: SecretMasker | None = None
        self._args = args
        self._environ = os.environ if environ is None else environ

    def masker(self) -> SecretMasker:
        """The masker of the plan or, before there is one, a cautious one."""
        if self.planned is not None:
            return self.planned
        cautious = SecretMasker()
        cautious.register_secrets(self._suspects())
        return cautious

    def _suspects(self) -> Iterator[str]:
        patterns = RunnerConfig().secret_env_patterns
        yield from (secret.value for secret in guess(self._environ, patterns))
        for setting in SETTINGS.values():
            if setting.secret:
                yield from self._environ.get(setting.variable, "").split(",")
                yield from self._given(setting.option)

    def _given(self, option: str) -> Iterator[str]:
        for word, following in zip(self._args, [*self._args[1:], ""], strict=True):
            name, equals, value = word.partition("=")
            if name == option:
                yield from (value if equals else following).split(",")
