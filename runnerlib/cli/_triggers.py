"""What `eval` and `trigger` have in common: the jobs are told of at once, and people what became of them."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import click

from runnerlib.api.deliver_now import told_at_once
from runnerlib.cli._request import current_directory, warn_of_misspelt
from runnerlib.config import read
from runnerlib.errors import RunnerError, printable
from runnerlib.runner.plan import masker_of

if TYPE_CHECKING:
    from runnerlib.cli._session import Session
    from runnerlib.config import Resolved
    from runnerlib.masking import SecretMasker
    from runnerlib.triggers.message import Message


def own_masker(session: Session, resolved: Resolved | None = None) -> SecretMasker:
    """Masks what this process knows to be secret, by the settings `resolved` or those of the environment.

    So does the session from here on. Raises ConfigError.
    """
    session.planned = masker_of(resolved or read({}, os.environ), os.environ, current_directory())
    warn_of_misspelt(session)
    return session.planned


def tell(message: Message | None, triggers_file: str | None, masker: SecretMasker, *, insecure: bool) -> int:
    """Tell of the jobs in `message`; the exit code. Raises ConfigError."""
    mask = masker.mask_string
    if message is not None:
        for name in message.job_names:
            say(mask(f"✓ Scheduled job: {name}"))
    verdict = told_at_once(message, triggers_file, masker, insecure=insecure)
    for done in verdict.done:
        say(mask(f"✓ triggers: {done}"))
    for warning in verdict.warnings:
        say(mask(f"warning: triggers: {warning}"))
    if verdict.problem:
        say(mask("\n".join(f"error: triggers: {line}" for line in verdict.problem.splitlines())))
    return 0 if verdict.success else RunnerError.exit_code


def say(text: str) -> None:
    """A line for people, on stderr."""
    click.echo(printable(text), err=True)
