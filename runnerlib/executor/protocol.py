"""Contract between the engine and the place where steps run: this machine, a container, or another one.

The engine knows the graph, the order, the time limits and the mask; an executor knows how a process is started, how it
is signalled and what belongs to it. A further executor is a class with these methods. It needs nothing of `local` or
`container`, and nothing of theirs changes for it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable

    from runnerlib._util.system import TerminalSize
    from runnerlib.executor.process_spec import ExitStatus, ProcessInfo, ProcessSpec, Room


class StepProcess(Protocol):
    """A running step; `Executor.start` makes it, `close` ends it. `Executor` describes what happens between."""

    @property
    def output(self) -> int:
        """Non-blocking descriptor of the step's stdout and stderr, in the order in which they were written.

        The engine waits for it on its loop and reads it by `read`. It ends when no process has it open any more.
        """
        ...

    @property
    def exited(self) -> int:
        """Descriptor that becomes readable, and stays so, when the first process of the step has ended."""
        ...

    def read(self, size: int) -> bytes:
        """Read up to `size` bytes of output, none at its end. Raises BlockingIOError when there is nothing now."""
        ...

    def unread(self) -> int:
        """Return how many bytes of output are waiting to be read."""
        ...

    def resize(self, size: TerminalSize) -> None:
        """Set the size of the step's terminal; nothing happens without one."""

    def signal(self, signum: int) -> None:
        """Send a signal to every process of the step, as often as it is called; nothing happens when all have ended."""

    def reap(self) -> ExitStatus:
        """Return how the first process ended, the same each time; to be called when `exited` is readable.

        Raises RunnerError when that cannot be known.
        """
        ...

    def leftover(self) -> list[ProcessInfo]:
        """List the living processes of the step, with the first one until it is reaped."""
        ...

    def holders(self) -> Iterable[ProcessInfo]:
        """The processes that keep `output` open, for a message about an output that does not end."""
        ...

    def close(self) -> None:
        """Release every descriptor; before that, kill a step that was not reaped. A second call does nothing."""


class Executor(Protocol):
    """Executor of the steps of a job, or of several jobs of a workflow at the same time.

    The life of a step:

    1. *Start.* `start` begins the process and returns at once. CommandError means that the command cannot be executed:
       the attempt has failed. NoRoomError means that the system has no room *now*: the engine waits, by `room`, until a
       running step has ended, and calls `start` again; if none is running, the attempt has failed. Any other
       RunnerError is a failure of the runner.
    2. *Run.* The engine reads `output` only as fast as the observer takes it; else the process has to wait, as on any
       full pipe. `signal` and `resize` may come at any time: SIGTERM asks the step to end, SIGKILL ends it.
    3. *Exit.* `exited` becomes readable. The engine calls `reap` once, and reads to the last byte what was written
       before. If other processes hold the output open, it is read for the drain time only, and `holders` names them.
    4. *Leftover.* What the step has left running, by `leftover`, gets SIGTERM and after the grace time SIGKILL, until
       `leftover` is empty.
    5. *Close.* `close` comes in any case, also when a run is cancelled in phase 2. Nothing of the step is left then.

    The life of a job: `reap_dead` from time to time while steps run; after the last one `orphans` and `signal_orphans`,
    for processes that belong to the job and to no running step. To make an executor and to close it is the runner's
    part; once it is closed nothing of the job is left, whatever the engine did.

    Callers:

    * *Thread.* All calls come from one thread, that of the event loop. So an executor needs no locks. Hooks of plugins
      run in threads of their own and must not use it.
    * *Loop.* No call waits: each takes the time of a few system calls, because the loop has other steps to serve. What
      takes longer is shown by a descriptor. Only the `close` of a step that was not reaped may block, for the moment
      that a killed process needs.
    * *Signal handlers* call nothing here; they reach the engine by its loop.
    * *Child.* A fork of the runner must not use an executor but to close it, which then releases descriptors and
      signals no process. Between fork and exec of a step no Python runs at all.
    """

    @property
    def room(self) -> Room:
        """The admission of steps, shared by all jobs that share the resources of this executor."""
        ...

    def start(self, spec: ProcessSpec) -> StepProcess:
        """Start the process of a step. Raises CommandError, NoRoomError or another RunnerError."""
        ...

    def orphans(self) -> list[ProcessInfo]:
        """List the living processes that belong to the job and to no running step."""
        ...

    def signal_orphans(self, signum: int) -> None:
        """Signal each of `orphans`."""

    def reap_dead(self) -> None:
        """Collect the dead processes that steps have left behind, as an init process does."""
