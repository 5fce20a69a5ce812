"""A child process of its own session: started, signalled and reaped, never waited for here.

Passive on purpose: it holds a process and the reading end of its output and knows no event loop and
no masking. The output is one pipe for stdout and stderr, so that what the process writes arrives in
the order it was written. It is an `os.pipe`: a socket pair, as event loops make, breaks `> /dev/stdout`.
"""

from __future__ import annotations

import errno
import fcntl
import os
import signal
import subprocess
import termios
from array import array
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from runnerlib.errors import RunnerError
from runnerlib.pipe import enlarge
from runnerlib.result import Usage

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence


class TerminalSize(NamedTuple):
    rows: int
    columns: int


class Launch(NamedTuple):
    argv: Sequence[str]
    cwd: Path
    env: Mapping[str, str]
    stdin: bytes | None = None
    tty: TerminalSize | None = None


class Exit(NamedTuple):
    returncode: int
    usage: Usage
    oom: str


class Custody:
    def __enter__(self) -> Custody:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def start(self, launch: Launch) -> Process:
        return start(launch.argv, launch.cwd, launch.env)

    def strays(self) -> list[Seen]:
        return []

    def signal_strays(self, signum: int) -> None: ...
    def reap_dead(self) -> None: ...
    def close(self) -> None: ...


class CommandError(Exception):
    """The command could not be executed; `exit_code` is 127 when it was not found, else 126."""

    def __init__(self, exit_code: int, reason: str) -> None:
        super().__init__(reason)
        self.exit_code = exit_code


class Process:
    """A running child. `output` is the non-blocking reading end of its stdout and stderr."""

    def __init__(self, child: subprocess.Popen[bytes], output: int) -> None:
        self._child = child
        self.pid = child.pid
        self.output = output
        self.exited = os.pidfd_open(child.pid)

    def signal(self, signum: int) -> None:
        """Signal the whole process group; nothing happens when it is gone."""
        if self._child.returncode is not None and not self.survivors():
            return  # its number may belong to a stranger by now
        try:
            os.killpg(self.pid, signum)
        except ProcessLookupError:
            pass
        except PermissionError:  # every member has changed its user; the kernel sent it to none
            pass

    def reap(self) -> Exit:
        """Collect the child, which has exited; its return code, negative for a signal."""
        return Exit(self._child.wait(), Usage(0.0, 0.0, 0), "")

    def read(self, size: int) -> bytes:
        return os.read(self.output, size)

    def survivors(self) -> list[Seen]:
        """The members the group still has; those that are children of this process are reaped first.

        Dead members that their own parent, often a slow init, has not reaped do not count.
        """
        try:
            while os.waitpid(-self.pid, os.WNOHANG)[0]:
                pass
        except ChildProcessError:
            pass
        try:
            os.killpg(self.pid, 0)
        except ProcessLookupError:
            return []
        except PermissionError:
            pass
        return list(members(self.pid))

    def unread(self) -> int:
        """How many bytes of output wait in the pipe."""
        size = array("i", [0])
        fcntl.ioctl(self.output, termios.FIONREAD, size)
        return size[0]

    def close(self) -> None:
        """Let go of the process; one that has not been reaped, because its run was cancelled, is killed."""
        if self._child.returncode is None:
            self.signal(signal.SIGKILL)
            self._child.wait()
        os.close(self.output)
        os.close(self.exited)


def start(argv: Sequence[str], cwd: Path, env: Mapping[str, str]) -> Process:
    """Start `argv` in `cwd` with stdin empty.

    Raises CommandError when the command cannot be executed and RunnerError when the system has no
    room for another process or the directory is unusable.
    """
    reader, writer = os.pipe2(os.O_CLOEXEC)
    try:
        enlarge(reader)
        child = _spawn(argv, cwd, env, writer)
    except BaseException:
        os.close(reader)
        raise
    finally:
        os.close(writer)
    os.set_blocking(reader, False)
    return Process(child, reader)


def _spawn(argv: Sequence[str], cwd: Path, env: Mapping[str, str], writer: int) -> subprocess.Popen[bytes]:
    if not cwd.is_dir():
        raise RunnerError(f"the directory of the job '{cwd}' does not exist")
    try:
        return subprocess.Popen(
            argv,
            executable=_program(argv[0], cwd, env),
            cwd=cwd,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=writer,
            stderr=writer,
            start_new_session=True,
        )
    except FileNotFoundError:
        raise CommandError(127, f"command not found: '{argv[0]}'") from None
    except OSError as error:
        if error.errno in {errno.EAGAIN, errno.ENOMEM, errno.EMFILE, errno.ENFILE}:
            raise RunnerError(f"cannot start a process: {error.strerror}") from None
        raise CommandError(126, f"cannot execute '{argv[0]}': {error.strerror}") from None
    except ValueError:
        raise CommandError(126, f"cannot execute '{argv[0]}': an argument or a variable has a NUL byte") from None


def _program(name: str, cwd: Path, env: Mapping[str, str]) -> str:
    """The file that `name` means, looked up in the PATH of the job as a shell would.

    The system's own look-up reports the first obstacle, which is often a directory of PATH that the
    user may not search, and not that the command does not exist.
    """
    if "/" in name:
        return name
    for directory in env.get("PATH", os.defpath).split(":"):
        file = os.path.join(cwd, directory, name)
        if name and os.path.isfile(file) and os.access(file, os.X_OK):
            return file
    raise CommandError(127, f"command not found: '{name}'")


class Seen(NamedTuple):
    """Another process, as /proc shows it; `command` is its words joined by spaces, not masked."""

    pid: int
    command: str


def holders(pipe: int) -> Iterator[Seen]:
    """The processes, this one excepted, that have the pipe of descriptor `pipe` open."""
    wanted = os.readlink(f"/proc/self/fd/{pipe}")
    return _processes(lambda process: wanted in map(_link, (process / "fd").iterdir()))


def members(group: int) -> Iterator[Seen]:
    """The processes of a process group that have not ended."""

    def belongs(process: Path) -> bool:
        # The fields after the name, which may itself hold spaces and parentheses: state, parent, group.
        state, _, of_group = (process / "stat").read_bytes().rpartition(b")")[2].split()[:3]
        return int(of_group) == group and state != b"Z"

    return _processes(belongs)


def _link(descriptor: Path) -> str:
    try:
        return os.readlink(descriptor)
    except OSError:
        return ""  # it has just been closed


def _processes(wanted: Callable[[Path], bool]) -> Iterator[Seen]:
    for process in Path("/proc").iterdir():
        if not process.name.isdecimal() or int(process.name) == os.getpid():
            continue
        try:
            if wanted(process):
                yield Seen(int(process.name), _command(process))
        except OSError:
            continue  # it has just ended, or belongs to another user


def _command(process: Path) -> str:
    words = (process / "cmdline").read_bytes().rstrip(b"\0").split(b"\0")
    return b" ".join(words).decode("utf-8", "surrogateescape")


STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)
"""The signals that ask a runner to stop."""
