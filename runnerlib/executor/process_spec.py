"""Values that pass between the engine and an executor: what to start, how it ended, and the room for more."""

from __future__ import annotations

import errno
from collections import deque
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal, Protocol, get_args

from runnerlib._util.values import NamedTuple
from runnerlib.errors import RunnerError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from runnerlib._util.system import TerminalSize
    from runnerlib.events.result import Usage


class Ruleset(Protocol):
    """Rights that a process keeps, in the form of the kernel; `descriptor` is open as long as the object lives."""

    @property
    def descriptor(self) -> int:
        """A descriptor of a ruleset of Landlock."""
        ...


Calls = Literal["all", "source", "strict"]
"""The system calls that a process may make, from all of them to the fewest; see `syscall_filter.h`."""
CALLS: tuple[Calls, ...] = get_args(Calls)
Sockets = Literal["all", "TCP and UDP", "local"]
"""The sockets that a process may make."""
SOCKETS: tuple[Sockets, ...] = get_args(Sockets)


class Confinement(NamedTuple):
    """The rights that a process gives up before its command starts, with all that this starts."""

    ruleset: Ruleset | None = None
    no_new_privs: bool = False
    drop_capabilities: bool = False
    calls: Calls = "all"
    sockets: Sockets = "all"


UNCONFINED = Confinement()


class CommandError(Exception):
    """The command could not be executed; `exit_code` is 127 when it was not found, else 126."""

    def __init__(self, exit_code: int, reason: str) -> None:
        super().__init__(reason)
        self.exit_code = exit_code


class NoRoomError(RunnerError):
    """No resources for another process at the moment, in the system or in the runner's share of it."""


NO_RESOURCES: Mapping[str, Any] = MappingProxyType({})


class ProcessSpec(NamedTuple):
    """Specification of a process: a command and its environment.

    `env` is the whole environment. `stdin` is the text that the command can read there, None for nothing. With `tty`
    its stdin, stdout and stderr are one terminal of that size, and `stdin` is not used. `image` is that of the
    container to use, where steps run in containers; None is the job's. Of containers with that image, those of
    different compartments share neither processes nor files of the runner. `resources` are limits as `_util.resources`
    has them.
    """

    argv: Sequence[str]
    cwd: Path
    env: Mapping[str, str]
    stdin: bytes | None = None
    tty: TerminalSize | None = None
    confinement: Confinement = UNCONFINED
    image: str | None = None
    compartment: str = ""
    resources: Mapping[str, Any] = NO_RESOURCES


def unusable_directory(error: OSError, directory: Path) -> RunnerError:
    """Return the exception for a directory that a process cannot start in; the same text wherever it starts."""
    if error.errno in {errno.ENOENT, errno.ENOTDIR}:
        return RunnerError(f"the directory of the job '{directory}' does not exist")
    return RunnerError(f"cannot use the directory of the job '{directory}': {error.strerror}")


class ExitStatus(NamedTuple):
    """Exit status of a process: `returncode` is negative for a signal, as in `subprocess`.

    `usage.read` and `usage.written` are bytes that disks moved. `oom` is a sentence when the kernel killed a process
    of the step for lack of memory, else empty.
    """

    returncode: int
    usage: Usage | None = None
    oom: str = ""


class ProcessInfo(NamedTuple):
    """A process as messages name it; `command` is its words joined by spaces, not masked."""

    pid: int
    command: str


class Room:
    """Count of running steps, and a queue of callbacks for the end of one. To be used by one thread at a time."""

    def __init__(self) -> None:
        self.running = 0
        self.announced = False  # that there is not enough
        self._waiting: deque[Callable[[], object]] = deque()

    def enter(self) -> None:
        """Count a step that has started."""
        self.running += 1

    def leave(self) -> None:
        """Count a step that has ended, and call every waiting callback, in the order of their arrival."""
        self.running -= 1
        waiting, self._waiting = self._waiting, deque()
        for callback in waiting:
            callback()

    def wait(self, callback: Callable[[], object]) -> None:
        """Call `callback` once, when a step has ended."""
        self._waiting.append(callback)
