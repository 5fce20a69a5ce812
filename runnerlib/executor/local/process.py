"""A process that was started: its output, its end, and everything that it started itself."""

from __future__ import annotations

import errno
import fcntl
import os
import select
import signal
import termios
from array import array
from contextlib import suppress
from typing import TYPE_CHECKING, Protocol

from runnerlib.errors import RunnerError
from runnerlib.executor.local.process_tree import describe, end_all, holders, send

if TYPE_CHECKING:
    from collections.abc import Iterable

    from runnerlib._util.proc import ProcessStat
    from runnerlib._util.system import TerminalSize
    from runnerlib.executor.local.accounting import StepAccount
    from runnerlib.executor.local.cgroup import Group
    from runnerlib.executor.process_spec import ExitStatus, ProcessInfo


class ProcessFamily(Protocol):
    """The part of a supervisor that knows which processes belong together; `supervisor.ProcessSupervisor` has it."""

    def tree(self, process: Process) -> list[ProcessStat]:
        """List the living processes of a step, its first one included."""
        ...

    def forget(self, process: Process) -> None:
        """Drop the records of a process that has been closed."""


class Process:
    """A running process and its tree, as `StepProcess` has it; made by `ProcessSupervisor.start`.

    `output` is the non-blocking reading end of its stdout and stderr, and `exited` a pidfd, readable when
    the process has ended.
    """

    def __init__(
        self,
        family: ProcessFamily,
        pid: int,
        exited: int,
        output: int,
        *,
        step: int,
        group: Group | None,
        account: StepAccount,
    ) -> None:
        self.pid = pid
        self.output = output
        self.exited = exited
        self.step = step
        self.group = group
        self._family = family
        self.account = account
        self.reaped = False  # from then on its number may be a stranger's
        self._exit: ExitStatus | None = None
        self._closed = False

    def signal(self, signum: int) -> None:
        """Signal every process of the tree; nothing happens when it is gone."""
        if signum == signal.SIGKILL and self.group is not None:
            self.group.kill()  # reaches at once also those that are just being forked
        # The members are listed first: as soon as a parent has ended, its children are no longer below it.
        tree = self._family.tree(self)
        if not self.reaped:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self.pid, signum)
        for member in tree:
            if self.reaped or member.group != self.pid:
                send(member, signum)

    def resize(self, size: TerminalSize) -> None:
        """Resize the terminal of the process; the kernel notifies the foreground processes."""
        with suppress(termios.error, OSError):  # it has none, or no process has it open any more
            termios.tcsetwinsize(self.output, size)

    def reap(self) -> ExitStatus:
        """Collect the process, which has exited, and return its exit status and usage.

        Raises RunnerError when another part of the program has collected it.
        """
        if self._exit is None:
            try:
                # By number, not by `exited`: an event loop may have made that non-blocking.
                _, status, used = os.wait4(self.pid, 0)
            except ChildProcessError:
                self.reaped = True
                raise RunnerError(f"process {self.pid} was reaped by another part of the program") from None
            self.reaped = True
            code = os.waitstatus_to_exitcode(status)
            self._exit = self.account.exit_status(self.pid, code, used, self.group)
        return self._exit

    def leftover(self) -> list[ProcessInfo]:
        """Every living process of the tree; dead ones that were left to the runner are reaped."""
        return [shown for member in self._family.tree(self) if (shown := describe(member.pid)) is not None]

    def holders(self) -> Iterable[ProcessInfo]:
        """The processes, this one excepted, that have the output open."""
        return holders(self.output)

    def unread(self) -> int:
        """Return how many bytes of output are waiting to be read."""
        poll = select.poll()  # a terminal counts what has arrived only once it was asked for it
        poll.register(self.output, select.POLLIN)
        poll.poll(0)
        size = array("i", [0])
        fcntl.ioctl(self.output, termios.FIONREAD, size)
        return size[0]

    def read(self, size: int) -> bytes:
        """Up to `size` bytes of output, empty at its end. Raises BlockingIOError when there is none now."""
        try:
            return os.read(self.output, size)
        except OSError as error:
            if error.errno == errno.EIO:  # a terminal that no process has open any more
                return b""
            raise

    def close(self) -> None:
        """Close the process; one that has not been reaped, because its run was cancelled, is killed."""
        if self._closed:
            return
        self._closed = True
        try:
            if not self.reaped:
                self._kill()
        finally:
            self._family.forget(self)
            os.close(self.output)
            os.close(self.exited)

    def _kill(self) -> None:
        self.signal(signal.SIGKILL)
        with suppress(RunnerError):
            self.reap()
        end_all(lambda: self._family.tree(self))
