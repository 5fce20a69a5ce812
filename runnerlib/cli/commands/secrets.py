"""`runnerlib secrets`: the encrypted store of this machine."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from runnerlib.cli import _prompt as asking
from runnerlib.cli._commands import Group
from runnerlib.errors import ConfigError, RunnerError
from runnerlib.secrets.local_store import (
    get_default_base_path,
    is_initialized,
    load_all,
    secret_delete,
    secret_get,
    secret_set,
    secrets_init,
    validate_key,
    validate_path,
)
from runnerlib.secrets.lookup import PASSWORD_VARIABLE
from runnerlib.secrets.providers.file import without_line_break
from runnerlib.secrets.register.client import VARIABLE, register

if TYPE_CHECKING:
    from collections.abc import Sequence

_GROUP = """\b
Examples:
  runnerlib secrets init
  vault kv get -field=token ci/deploy | runnerlib secrets set ci/deploy token
  runnerlib secrets list
  runnerlib run --job-env 'TOKEN=${secret:ci/deploy:token}' -- ./deploy.sh

\b
The password comes from REACTORCIDE_SECRETS_PASSWORD; without it, it is asked for on the terminal.

\b
Exit codes:
  0    done
  1    there is no such secret
  2    a usage error, no store, or a wrong password: nothing was changed
"""

_SET = """\b
Examples:
  runnerlib secrets set ci/deploy token              # asks for the value, and does not show it
  runnerlib secrets set ci/deploy:token < token.txt
  runnerlib secrets set ci/deploy key --file ~/.ssh/deploy_key
"""

_UNSEEN = {"ignore_unknown_options": True}  # an error of click would show the words, and one may be a secret value


class _MissingError(RunnerError):
    """A secret that does not exist."""

    exit_code = 1


@click.group(cls=Group, name="secrets", epilog=_GROUP)
def command() -> None:
    """Keep secrets in the encrypted store of this machine, which Reactorcide's command line shares."""


@command.command("init")
@click.option("--force", is_flag=True, help="Replace an existing store; its file is kept as a backup.")
def init(force: bool) -> None:
    """Make an empty store."""
    base = get_default_base_path()
    if is_initialized(base) and not force:
        raise ConfigError(f"there is a secret store in '{base}' already; --force makes a new one")
    secrets_init(os.environ.get(PASSWORD_VARIABLE) or asking.new_password(), base, force)
    click.echo(f"made a secret store in '{base}'", err=True)


@command.command("set", epilog=_SET, context_settings=_UNSEEN)
@click.option("--file", type=click.Path(path_type=Path), metavar="FILE", help="Read the value from FILE.")
@click.option("--stdin", is_flag=True, help="Read the value from standard input (default if it is not a terminal).")
@click.argument("words", nargs=-1, type=click.UNPROCESSED, metavar="PATH KEY")
def set_(file: Path | None, stdin: bool, words: tuple[str, ...]) -> None:
    """Set a secret. Its value is read from standard input or FILE, without one line break at its end, or asked for.

    A value after KEY is accepted, but every user of this system can see it.
    """
    (path, key), rest = _named(words, most=1)
    if (file is not None) + stdin + bool(rest) > 1:
        raise click.UsageError("give one value: in a file, on standard input, or after KEY")
    base = _store()
    if rest:
        click.echo("warning: a value in the arguments is visible to other users; standard input is not", err=True)
    value = rest[0] if rest else _value(file, from_terminal=not stdin and asking.is_possible())
    if not value:
        raise ConfigError(f"the value of '{path}:{key}' is empty")
    secret_set(path, key, value, _password(), base)
    click.echo(f"set '{path}:{key}'", err=True)


@command.command("get", context_settings=_UNSEEN)
@click.argument("words", nargs=-1, type=click.UNPROCESSED, metavar="PATH KEY")
def get(words: tuple[str, ...]) -> None:
    """Print a secret, without a line break unless on a terminal. In a job, its output hides the value from now on."""
    (path, key), _ = _named(words)
    base = _store()
    value = secret_get(path, key, _password(), base)
    if value is None:
        raise _MissingError(f"there is no secret '{path}:{key}'")
    if os.environ.get(VARIABLE):
        problem = register([value], None).problem
        if problem:
            raise RunnerError(f"the log of this job would show '{path}:{key}': {problem}")
    sys.stdout.buffer.write(value.encode("utf-8", "surrogateescape") + (b"\n" if os.isatty(1) else b""))


@command.command("list", context_settings=_UNSEEN, short_help="List paths and keys, never a value.")
@click.argument("words", nargs=-1, type=click.UNPROCESSED, metavar="[PATH]")
def list_(words: tuple[str, ...]) -> None:
    """List the keys below PATH, or everything as PATH:KEY; never a value."""
    if len(words) > 1:
        raise click.UsageError("give one PATH, or none")
    for path in words:
        validate_path(path)
    base = _store()
    secrets = load_all(_password(), base)
    everything = (f"{path}:{key}" for path, keys in secrets.items() for key in keys)
    for line in sorted(secrets.get(words[0], {}) if words else everything):
        click.echo(line)


@command.command("delete", context_settings=_UNSEEN)
@click.argument("words", nargs=-1, type=click.UNPROCESSED, metavar="PATH KEY")
def delete(words: tuple[str, ...]) -> None:
    """Delete a secret."""
    (path, key), _ = _named(words)
    base = _store()
    if not secret_delete(path, key, _password(), base):
        raise _MissingError(f"there is no secret '{path}:{key}'")
    click.echo(f"deleted '{path}:{key}'", err=True)


def _named(words: Sequence[str], most: int = 0) -> tuple[tuple[str, str], Sequence[str]]:
    """Return the path and key in `words` (two words or PATH:KEY), and the other words, `most` at most."""
    if words and ":" in words[0]:
        path, _, key = words[0].partition(":")
        rest = words[1:]
    elif len(words) > 1:
        path, key, *rest = words
    else:
        raise click.UsageError("give PATH and KEY, as in: ci/deploy token, or ci/deploy:token")
    if len(rest) > most:
        raise click.UsageError("there are more words than PATH and KEY" + " and a value" * most)
    validate_path(path)
    validate_key(key)
    return (path, key), rest


def _store() -> Path:
    base = get_default_base_path()
    if not is_initialized(base):
        raise ConfigError(f"there is no secret store in '{base}'; make one with 'runnerlib secrets init'")
    return base


def _value(file: Path | None, *, from_terminal: bool) -> str:
    if file is None and from_terminal:
        return asking.ask("value")
    try:
        data = sys.stdin.buffer.read() if file is None else file.read_bytes()
    except OSError as error:
        raise ConfigError(f"cannot read '{file or 'standard input'}': {error.strerror}") from None
    return without_line_break(data)


def _password() -> str:
    return os.environ.get(PASSWORD_VARIABLE) or asking.password()
