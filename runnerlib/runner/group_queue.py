"""The queue of one concurrency group on this machine: tickets, which the kernel ends with their processes.

A ticket is a file that its run keeps locked; its number is its place. The run whose ticket has the lowest number of
those that are locked has its turn. What nobody has locked is of a process that was killed, and is removed. `N.cancel`
beside the ticket N asks its run to stop. All looks and changes are made under the lock of the file `gate`.
"""

from __future__ import annotations

import os
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from runnerlib._util.files import explain, open_regular, try_lock
from runnerlib._util.locked_file import hold
from runnerlib.errors import RunnerError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_CANCEL = ".cancel"


class Ticket:
    """The place of one run in the queue of a directory, to be given back. Raises RunnerError."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        with self._gate():
            self.number = max(self._numbers(), default=0) + 1
            self._file = open_regular(self._path(self.number), os.O_RDWR | os.O_CREAT | os.O_EXCL)
            try_lock(self._file)  # nobody else knows of it yet

    def ahead(self) -> int:
        """Return how many runs are ahead; this one has its turn when there are none. Raises RunnerError."""
        with self._gate():
            return len(self._alive())

    def cancel_others(self) -> None:
        """Ask the runs ahead to stop. Raises RunnerError."""
        with self._gate():
            for number in self._alive():
                os.close(open_regular(self._mark(number), os.O_RDWR | os.O_CREAT))

    @property
    def cancelled(self) -> bool:
        """True once a later run has asked this one to stop."""
        return os.path.lexists(self._mark(self.number))

    def give_back(self) -> None:
        """Leave the queue."""
        with suppress(RunnerError), self._gate():
            self._forget(self.number)
        os.close(self._file)

    def _alive(self) -> list[int]:
        """Return the numbers ahead whose runs are alive; forget the others."""
        alive = []
        for number in sorted(self._numbers()):
            if number >= self.number:
                break
            if _is_locked(self._path(number)):
                alive.append(number)
            else:
                self._forget(number)
        return alive

    def _numbers(self) -> list[int]:
        return [int(name) for name in os.listdir(self._directory) if name.isdecimal()]

    def _path(self, number: int) -> Path:
        return self._directory / str(number)

    def _mark(self, number: int) -> Path:
        return self._directory / f"{number}{_CANCEL}"

    def _forget(self, number: int) -> None:
        for path in (self._mark(number), self._path(number)):
            path.unlink(missing_ok=True)

    @contextmanager
    def _gate(self) -> Iterator[None]:
        path = self._directory / "gate"
        try:
            gate = open_regular(path, os.O_RDWR | os.O_CREAT)
            try:
                hold(gate, path)
                yield
            finally:
                os.close(gate)
        except OSError as error:
            raise RunnerError(f"the queue in '{self._directory}' cannot be used: {explain(error)}") from None


def _is_locked(path: Path) -> bool:
    file = open_regular(path, os.O_RDWR)
    try:
        return not try_lock(file)
    finally:
        os.close(file)
