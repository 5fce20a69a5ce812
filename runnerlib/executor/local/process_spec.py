"""Specification of a process to start, and its validation."""

from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING, NamedTuple

from runnerlib.errors import RunnerError
from runnerlib.executor.local import _spawn

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from runnerlib.executor.local.landlock import Ruleset

# What says that the system, or the runner's share of it, is used up; never the fault of the command.
_EXHAUSTED = {errno.EAGAIN, errno.ENOMEM, errno.EMFILE, errno.ENFILE, errno.ENOSPC}


class CommandError(Exception):
    """The command could not be executed; `exit_code` is 127 when it was not found, else 126."""

    def __init__(self, exit_code: int, reason: str) -> None:
        super().__init__(reason)
        self.exit_code = exit_code


class NoRoomError(RunnerError):
    """No resources for another process at the moment, in the system or in the runner's share of it."""


class TerminalSize(NamedTuple):
    """The size of a terminal in characters."""

    rows: int
    columns: int


class Confinement(NamedTuple):
    """The rights that a process gives up before its command starts, with all that this starts."""

    ruleset: Ruleset | None = None
    no_new_privs: bool = False
    drop_capabilities: bool = False


class ProcessSpec(NamedTuple):
    """Specification of a process: a command and its environment.

    `env` is the whole environment. `stdin` is the text that the command can read there, None for nothing. With `tty`
    its stdin, stdout and stderr are one terminal of that size, and `stdin` is not used.
    """

    argv: Sequence[str]
    cwd: Path
    env: Mapping[str, str]
    stdin: bytes | None = None
    tty: TerminalSize | None = None
    confinement: Confinement = Confinement()


class Words(NamedTuple):
    """A launch as the kernel takes it."""

    program: bytes
    argv: tuple[bytes, ...]
    env: tuple[bytes, ...]
    directory: bytes


def words(launch: ProcessSpec, extra: Mapping[str, str]) -> Words:
    """The words of a launch, `extra` added to its environment. Raises CommandError."""
    try:
        return Words(
            os.fsencode(launch.argv[0]),
            tuple(map(os.fsencode, launch.argv)),
            _spawn.variables({**launch.env, **extra}),
            os.fsencode(launch.cwd),
        )
    except UnicodeEncodeError:
        raise CommandError(126, f"cannot execute '{launch.argv[0]}': an argument or a variable is no text") from None


def refused(error: OSError, launch: ProcessSpec) -> Exception:
    """The exception for a process that could not be started; `error.filename` is the stage that failed."""
    if error.filename == "confine" and error.errno not in _EXHAUSTED:
        return RunnerError(f"cannot confine a process: {error.strerror}")
    if error.errno in _EXHAUSTED or error.filename not in {"chdir", "exec"}:
        return no_room(error)
    if error.filename == "chdir" and error.errno in {errno.ENOENT, errno.ENOTDIR}:
        return RunnerError(f"the directory of the job '{launch.cwd}' does not exist")
    if error.filename == "chdir":
        return RunnerError(f"cannot use the directory of the job '{launch.cwd}': {error.strerror}")
    if error.errno == errno.ENOENT:
        return CommandError(127, f"command not found: '{launch.argv[0]}'")
    return CommandError(126, f"cannot execute '{launch.argv[0]}': {error.strerror}")


def no_room(error: OSError) -> RunnerError:
    """Return the exception for a process, or a resource of it, that the system refuses."""
    kind = NoRoomError if error.errno in _EXHAUSTED else RunnerError
    return kind(f"cannot start a process: {error.strerror}")


def nul_byte(launch: ProcessSpec) -> CommandError:
    """The exception for words that no process can be given."""
    return CommandError(126, f"cannot execute '{launch.argv[0]}': an argument or a variable has a NUL byte")


def search_path(launch: ProcessSpec) -> bytes | None:
    """The directories of the job's PATH to search for the program; None when it is given as a path.

    The system's own search reports the first obstacle, which is often a directory of PATH that the user may not
    search, and not that the command does not exist; so the new process does it, as a shell would.
    """
    if "/" in launch.argv[0]:
        return None
    return os.fsencode(launch.env.get("PATH", os.defpath))
