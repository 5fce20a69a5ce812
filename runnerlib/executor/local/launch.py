"""Arguments and descriptors of a process that is about to start, and the errors when it cannot."""

from __future__ import annotations

import errno
import os
import termios
from typing import TYPE_CHECKING

from runnerlib._util.values import NamedTuple
from runnerlib.errors import RunnerError
from runnerlib.executor.local import _spawn
from runnerlib.executor.process_spec import CommandError, NoRoomError, unusable_directory

if TYPE_CHECKING:
    from collections.abc import Mapping

    from runnerlib._util.system import TerminalSize
    from runnerlib.executor.process_spec import ProcessSpec


# What says that the system, or the runner's share of it, is used up; never the fault of the command.
_EXHAUSTED = {errno.EAGAIN, errno.ENOMEM, errno.EMFILE, errno.ENFILE, errno.ENOSPC}


class ExecArgs(NamedTuple):
    """A process specification as the kernel takes it."""

    program: bytes
    argv: tuple[bytes, ...]
    env: tuple[bytes, ...]
    directory: bytes


def exec_args(spec: ProcessSpec, extra: Mapping[str, str], encoded: dict[str, tuple[str, bytes]]) -> ExecArgs:
    """Encode a specification, with `extra` added to its environment. Raises CommandError.

    `encoded` keeps what each variable was encoded to: the steps of a job have nearly all of them in common.
    """
    try:
        argv = tuple(map(os.fsencode, spec.argv))
        return ExecArgs(argv[0], argv, _spawn.variables({**spec.env, **extra}, encoded), os.fsencode(spec.cwd))
    except UnicodeEncodeError:
        raise CommandError(126, f"cannot execute '{spec.argv[0]}': an argument or a variable is no text") from None


def refused(error: OSError, spec: ProcessSpec) -> Exception:
    """The exception for a process that could not be started; `error.filename` is the stage that failed."""
    if error.filename == "confine" and error.errno not in _EXHAUSTED:
        return RunnerError(f"cannot confine a process: {error.strerror}")
    if error.errno in _EXHAUSTED or error.filename not in {"chdir", "exec"}:
        return no_room(error)
    if error.filename == "chdir":
        return unusable_directory(error, spec.cwd)
    if error.errno == errno.ENOENT:
        return CommandError(127, f"command not found: '{spec.argv[0]}'")
    return CommandError(126, f"cannot execute '{spec.argv[0]}': {error.strerror}")


def no_room(error: OSError) -> RunnerError:
    """Return the exception for a process, or a resource of it, that the system refuses."""
    kind = NoRoomError if error.errno in _EXHAUSTED else RunnerError
    return kind(f"cannot start a process: {error.strerror}")


def nul_byte(spec: ProcessSpec) -> CommandError:
    """The exception for words that no process can be given."""
    return CommandError(126, f"cannot execute '{spec.argv[0]}': an argument or a variable has a NUL byte")


def search_path(spec: ProcessSpec) -> bytes | None:
    """The directories of the job's PATH to search for the program; None when it is given as a path.

    The system's own search reports the first obstacle, which is often a directory of PATH that the user may not
    search, and not that the command does not exist; so the new process does it, as a shell would.
    """
    if "/" in spec.argv[0]:
        return None
    return os.fsencode(spec.env.get("PATH", os.defpath))


class StdioFds(NamedTuple):
    """`input` and `output` are the process's, `reader` is the runner's end of `output`, non-blocking.

    `text` is the file of an `input` that was made for this process; -1 for none.
    """

    input: int
    output: int
    reader: int
    text: int = -1

    def close_own(self) -> None:
        """Close those of the process, once it has them or was not started."""
        os.close(self.output)
        if self.text >= 0:
            os.close(self.text)


def open_stdio(spec: ProcessSpec, null: int) -> StdioFds:
    """Open the descriptors of a process.

    stdin is `null`, a descriptor of /dev/null, where `spec` has no text for it. Raises OSError.
    """
    if spec.tty is not None:
        return _open_terminal(spec.tty)
    text = -1 if spec.stdin is None else memory("stdin", spec.stdin)
    try:
        # One pipe for stdout and stderr, so that output arrives in the order in which it was written.
        # A socket pair, as event loops make, breaks `> /dev/stdout`.
        reader, writer = os.pipe2(os.O_CLOEXEC)
    except OSError:
        if text >= 0:
            os.close(text)
        raise
    os.set_blocking(reader, False)
    return StdioFds(null if text < 0 else text, writer, reader, text)


def _open_terminal(size: TerminalSize) -> StdioFds:
    """A new pseudo-terminal of that size."""
    reader, user = os.openpty()
    try:
        termios.tcsetwinsize(user, size)
        os.set_blocking(reader, False)
    except BaseException:
        os.close(reader)
        os.close(user)
        raise
    return StdioFds(user, user, reader)


def memory(name: str, text: bytes) -> int:
    """Return a file without a path that holds `text`: unlike a pipe it needs no writer while the process runs."""
    file = os.memfd_create(name, os.MFD_CLOEXEC)
    try:
        rest = memoryview(text)
        while rest:
            rest = rest[os.write(file, rest) :]
        os.lseek(file, 0, os.SEEK_SET)
    except BaseException:
        os.close(file)
        raise
    return file
