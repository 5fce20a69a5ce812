"""Immediate delivery of follow-up jobs outside of a run, through the channels that the environment configures."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from runnerlib._util.paths import locate
from runnerlib.api.token_settings import settings
from runnerlib.config import read
from runnerlib.triggers.channels import channels, checked, required
from runnerlib.triggers.delivery import Verdict, hand_over
from runnerlib.triggers.outbox import DeliveryError

if TYPE_CHECKING:
    from collections.abc import Callable

    from runnerlib.masking import SecretMasker
    from runnerlib.triggers.message import Message


def told_at_once(
    message: Message | None,
    triggers_file: str | None,
    masker: SecretMasker,
    *,
    insecure: bool,
    kept: Callable[[], object] = lambda: None,
) -> Verdict:
    """Deliver the jobs in `message`, and those that still wait; `masker` hides secrets in the result.

    `triggers_file` replaces that of the settings, and may be anywhere, because the caller chooses it. `kept` is
    called once the file has the message. Raises ConfigError for wrong settings.
    """
    given: dict[str, object] = {"allow_insecure_transport": True} if insecure else {}
    resolved = settings(os.environ, lambda secret: masker.register_secret(secret.value, secret.name), given)
    workspace = locate(os.environ, Path.cwd())
    checked(resolved, workspace)
    where = channels(resolved.config, workspace)
    if triggers_file is not None:
        where = where._replace(file=Path(os.path.abspath(workspace.meant(triggers_file))))
    return hand_over(message, where, masker.mask_string, _write, kept=kept)


def insisted(verdict: Verdict, masker: SecretMasker) -> None:
    """Raise DeliveryError, with a masked text, for undelivered jobs if delivery is required."""
    if verdict.problem and required(read({}, os.environ).config):
        raise DeliveryError(masker.mask_string(verdict.problem))


def _write(_text: str, line: bytes) -> None:
    """Write a whole line to stdout, after the earlier output of this program."""
    sys.stdout.flush()
    sys.stdout.write(line.decode())
    sys.stdout.flush()
