"""The provider `command`: a program that prints the value, as `vault kv get -field={key} secret/{path}`."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

from runnerlib.config import SETTINGS
from runnerlib.errors import ConfigError
from runnerlib.executor.local.child import started
from runnerlib.executor.process_spec import CommandError, ProcessSpec
from runnerlib.secrets.lookup import PASSWORD_VARIABLE
from runnerlib.secrets.providers.file import without_line_break

if TYPE_CHECKING:
    from runnerlib.executor.local.child import Child
    from runnerlib.secrets.providers.context import Setup

_LARGEST = 1 << 20
# For the runner alone: other processes of the same user can read the environment of a program.
_WITHHELD = {PASSWORD_VARIABLE, *(one.variable for one in SETTINGS.values() if one.secret and not one.passed_on)}


def get(path: str, key: str, setup: Setup) -> str | None:
    """Run `secret_command` and return its output less one line break at its end; never None.

    Raises ConfigError. The arguments are executed without a shell; output on stderr is not shown.
    """
    subject = f"secret '{path}:{key}'"
    words = setup.config.secret_command
    if not words:
        raise ConfigError(
            f"{subject}: the provider 'command' needs secret_command, as 'vault kv get -field={{key}} {{path}}'"
        )
    if path.startswith("-") or key.startswith("-"):
        raise ConfigError(f"{subject}: a path or key that begins with '-' would be an option of the command")
    argv = [word.replace("{path}", path).replace("{key}", key) for word in words]
    return without_line_break(_printed(argv, subject, setup))


def _printed(argv: list[str], subject: str, setup: Setup) -> bytes:
    """Return the output of the command, whose descendants are ended, too. Raises ConfigError."""
    program = argv[0]
    env = {name: value for name, value in setup.environ.items() if name not in _WITHHELD}
    try:
        with started(ProcessSpec(argv, Path(), env), silent=True) as child:
            data = _output(child, f"{subject}: '{program}'", setup.config.secret_timeout)
            code = child.exit_code()
    except ChildProcessError:  # how it ended is lost, and it may have failed
        raise ConfigError(f"{subject}: '{program}' was reaped by another part of the program") from None
    except OSError as error:
        raise ConfigError(f"{subject}: cannot execute '{program}': {error.strerror}") from None
    except CommandError as error:
        raise ConfigError(f"{subject}: {error}") from None
    if code:
        how = f"exit code {code}" if code > 0 else f"signal {-code}"
        raise ConfigError(f"{subject}: '{program}' failed with {how}")
    return data


def _output(child: Child, subject: str, timeout: float) -> bytes:
    """Return what the command prints within `timeout` seconds. Raises ConfigError for more, and for too much."""
    deadline = time.monotonic() + timeout
    data = bytearray()
    for _, block in child.read(lambda: None):
        data += block
        if len(data) > _LARGEST:
            raise ConfigError(f"{subject} printed more than 1 MiB")
        if time.monotonic() > deadline:
            raise ConfigError(f"{subject} took more than {timeout:g} seconds")
    return bytes(data)
