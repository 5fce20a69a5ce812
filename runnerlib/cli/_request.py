"""From the options of a command to what is requested of the runner."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from runnerlib.config import Resolved, read
from runnerlib.config.misspelled import misspelt
from runnerlib.errors import ConfigError, printable
from runnerlib.executor.hardening import wipe
from runnerlib.runner.environment import private
from runnerlib.runner.plan import Request

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from runnerlib.cli._session import Session
    from runnerlib.runner.journal import Selection


def resolve_options(config_file: str | None, options: Mapping[str, object]) -> Resolved:
    """The configuration with `options` on top, after changing to its work_dir. Raises ConfigError."""
    resolved = read(options, os.environ, config_file)
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
    wish: Selection | None = None,
) -> Request:
    """What the options ask for: a file's job or a single command. Raises ConfigError."""
    wipe(private(os.environ))
    resolved = resolve_options(config_file, options)
    session.log_format = resolved.config.log_format
    cwd = current_directory()
    return Request(resolved, words, os.environ, cwd, wish=wish, lookup=session.lookup).chosen()


def warn(session: Session, text: str) -> None:
    """Tell people something on stderr, masked, in the form of their log."""
    text = session.masker().mask_string(text)
    if session.structured:
        from runnerlib.cli._log import warning

        line = warning(text)
    else:
        line = printable(f"warning: {text}\n")
    click.echo(line, err=True, nl=False)


def warn_of_misspelt(session: Session) -> None:
    """Tell of variables that were probably meant as settings; plans tell of them by themselves."""
    for text in misspelt(os.environ):
        warn(session, text)


def current_directory() -> Path:
    """Where the runner stands. Raises ConfigError when somebody has removed it."""
    try:
        return Path.cwd()
    except OSError as error:
        raise ConfigError(f"the current directory is gone: {error.strerror}") from None
