"""Starts and dismisses the guard, the program that ends a job's processes when the runner is killed by SIGKILL."""

from __future__ import annotations

import os
import signal
from contextlib import suppress
from typing import TYPE_CHECKING

from runnerlib.errors import RunnerError
from runnerlib.executor.local import _spawn
from runnerlib.executor.local.pidfd import send

if TYPE_CHECKING:
    from runnerlib.executor.local.cgroup import Groups
    from runnerlib.executor.local.process_tag import ProcessTag

_PROGRAM = os.path.join(os.path.dirname(__file__), "watchdog")


class Watchdog:
    """A guard at work, a child of this process; `dismiss` ends it. `exited` can be read once it has ended."""

    def __init__(self, tag: ProcessTag, groups: Groups | None, null: int) -> None:
        words = [_PROGRAM, str(os.getpid()), str(tag.number), tag.text, *([groups.path] if groups else [])]
        program, *_ = argv = tuple(map(os.fsencode, words))
        try:
            self.pid, self.exited, _ = _spawn.spawn(program, argv, (), b"/", input=null, output=null)
        except OSError as error:
            raise RunnerError(f"cannot start the guard of the job '{_PROGRAM}': {error.strerror}") from None

    def dismiss(self) -> None:
        """End the guard: nothing is left to be guarded."""
        send(self.pid, self.exited, signal.SIGKILL)
        with suppress(ChildProcessError):  # the program that uses this library collects all its children
            os.waitpid(self.pid, 0)
        self.close()

    def close(self) -> None:
        """Close the connection to a guard of another process; for a fork of the runner."""
        os.close(self.exited)
