"""Conversion of a command's options into a run request."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from runnerlib._util.paths import working_directory
from runnerlib.config import Resolved, read
from runnerlib.config.misspelt import misspelt
from runnerlib.config.setting import profiled
from runnerlib.errors import ConfigError, printable
from runnerlib.executor.hardening import wipe
from runnerlib.runner.environment import named_secrets, private
from runnerlib.runner.request import RunRequest

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from runnerlib.cli._session import Session
    from runnerlib.runner.journal import Selection


def resolve_options(config_file: str | None, options: Mapping[str, object]) -> Resolved:
    """Return the configuration with `options` on top, and change to its work_dir. Raises ConfigError."""
    resolved = read(profiled(options), os.environ, config_file)
    work_dir = resolved.config.work_dir
    if work_dir is not None:
        try:
            os.chdir(work_dir)
        except OSError as error:
            raise resolved.error("work_dir", f"cannot change to '{work_dir}': {error.strerror}") from None
    return resolved


def requested(
    session: Session,
    config_file: str | None,
    options: Mapping[str, str | None],
    words: Sequence[str],
    selection: Selection | None = None,
) -> RunRequest:
    """Return the request of the options: for the job of a file, or for a single command. Raises ConfigError."""
    wipe(private(os.environ))
    session.directory = working_directory()
    resolved = resolve_options(config_file, options)
    wipe([secret.name for secret in named_secrets(os.environ, resolved.config)])
    session.log_format = resolved.config.log_format
    session.config_exit_code = resolved.config.config_exit_code
    cwd = current_directory()
    return RunRequest(resolved, words, os.environ, cwd, selection=selection).with_chosen_job()


def is_unnamed(request: RunRequest) -> bool:
    """Return whether nothing says what to run."""
    config = request.resolved.config
    return not request.words and config.job_command is config.job_file is config.workflow_file is None


def warn(session: Session, text: str) -> None:
    """Write a masked warning to stderr, in the log format of the session."""
    text = session.masker().mask_string(text)
    if session.structured:
        from runnerlib.cli._log import warning

        line = warning(text)
    else:
        line = printable(f"warning: {text}\n")
    click.echo(line, err=True, nl=False)


def warn_of_misspelt(session: Session) -> None:
    """Warn of variables that are probably misspelt settings; for commands without a plan, which warns itself."""
    for text in misspelt(os.environ):
        warn(session, text)


def current_directory() -> Path:
    """Return the current directory. Raises ConfigError when it was removed."""
    try:
        return Path.cwd()
    except OSError as error:
        raise ConfigError(f"the current directory is gone: {error.strerror}") from None
