"""The provider `command`: a program that prints the value, as `vault kv get -field={key} secret/{path}`."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from runnerlib.config import SETTINGS
from runnerlib.errors import ConfigError
from runnerlib.executor.local import subreaper
from runnerlib.executor.local.pidfd import end_of
from runnerlib.secrets.providers.file import without_line_break
from runnerlib.secrets.providers.lookup import PASSWORD_VARIABLE

if TYPE_CHECKING:
    from collections.abc import Iterator

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
    with subreaper.collecting():
        return without_line_break(_printed(argv, subject, setup))


def _printed(argv: list[str], subject: str, setup: Setup) -> bytes:
    program = argv[0]
    try:
        process = subprocess.Popen(
            argv,
            env={name: value for name, value in setup.environ.items() if name not in _WITHHELD},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else "it holds a NUL byte"
        raise ConfigError(f"{subject}: cannot execute '{program}': {why}") from None
    try:
        data, ended = _output(process, time.monotonic() + setup.config.secret_timeout)
    except ChildProcessError:  # how it ended is lost, and it may have failed
        raise ConfigError(f"{subject}: '{program}' was reaped by another part of the program") from None
    if not ended:
        raise ConfigError(f"{subject}: '{program}' took more than {setup.config.secret_timeout:g} seconds")
    if len(data) > _LARGEST:
        raise ConfigError(f"{subject}: '{program}' printed more than 1 MiB")
    if process.returncode:
        code = process.returncode
        how = f"exit code {code}" if code > 0 else f"signal {-code}"
        raise ConfigError(f"{subject}: '{program}' failed with {how}")
    return data


def _output(process: subprocess.Popen[bytes], deadline: float) -> tuple[bytes, bool]:
    """Return the output, or slightly more than is allowed, and whether the command ended in time.

    Its descendants are ended, too. Raises ChildProcessError when another part of the program has collected the
    process.
    """
    assert process.stdout is not None  # noqa: S101 - a pipe was asked for
    data = bytearray()
    with process.stdout as pipe, _ended(process) as exited:
        while len(data) <= _LARGEST and _ready(pipe.fileno(), deadline):
            piece = os.read(pipe.fileno(), 1 << 16)
            if not piece:
                return bytes(data), _ready(exited, deadline)
            data += piece
        return bytes(data), len(data) > _LARGEST


@contextmanager
def _ended(process: subprocess.Popen[bytes]) -> Iterator[int]:
    """A descriptor that becomes readable when a process ends; the process is killed at the end of the block."""
    try:
        exited = end_of(process.pid)
        try:
            yield exited
        finally:
            os.close(exited)
            # Until it is reaped its number, and so that of its group, cannot be reused.
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, signal.SIGKILL)
            os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    finally:
        process.wait()  # which takes a process that was collected elsewhere for a success


def _ready(fd: int, deadline: float) -> bool:
    """Wait until `fd` can be read; False when the time is over."""
    poll = select.poll()
    poll.register(fd, select.POLLIN)
    return bool(poll.poll(max(0, deadline - time.monotonic()) * 1000))
