"""Common part of `eval` and `trigger`: jobs are submitted at once, and the result is shown to the user."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import click

from runnerlib.api.deliver_now import told_at_once
from runnerlib.cli._request import current_directory, warn_of_misspelt
from runnerlib.config import read
from runnerlib.errors import RunnerError, printable
from runnerlib.runner.request import RunRequest
from runnerlib.runner.services import early_services

if TYPE_CHECKING:
    from runnerlib.cli._session import Session
    from runnerlib.config import Resolved
    from runnerlib.masking import SecretMasker
    from runnerlib.triggers.message import Message


def own_masker(session: Session, resolved: Resolved | None = None) -> SecretMasker:
    """Return a masker with the secrets of the settings `resolved`, by default those of the environment.

    The session uses it from now on. Raises ConfigError.
    """
    request = RunRequest(resolved or read({}, os.environ), (), os.environ, current_directory())
    session.services = early_services(request)
    warn_of_misspelt(session)
    return session.services.masker


def tell(message: Message | None, triggers_file: str | None, masker: SecretMasker, *, insecure: bool) -> int:
    """Submit the jobs in `message`, and return the exit code. Raises ConfigError."""
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
    """Write a line for the user to stderr."""
    click.echo(printable(text), err=True)
