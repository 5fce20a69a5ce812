"""The full masked log of every step, as a file.

A step may write to the directory of the logs. It gains nothing by putting a symlink there: the directory
is opened before any step runs, and files are made new, relative to it, without following links. While
a log is written it is called `<step>.log.part`, so that an unfinished one is not taken for the whole.
"""

from __future__ import annotations

import os
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple

from runnerlib.errors import OutputError
from runnerlib.events import JobFinished, JobStarted, StepFinished, StepOutput, StepRetrying, StepStarted
from runnerlib.events.forwarding import UnbufferedObserver
from runnerlib.output.log.file_names import DIRECTORY, LogNames
from runnerlib.output.messages import retrying

if TYPE_CHECKING:
    from pathlib import Path

    from runnerlib.events import Event

_PART = ".part"
_DIRECTORY_FLAGS = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE_FLAGS = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


class _Log(NamedTuple):
    fd: int
    name: str


class StepLogs(UnbufferedObserver):
    """Writes `logs/<step>.log` below `artifacts`; a log of an earlier run is replaced.

    Raises OutputError, which names the file, when one cannot be written to its end.
    """

    def __init__(self, artifacts: Path, names: LogNames | None = None) -> None:
        """`names` gets the steps of the job when it starts; by default the names are known to these logs only."""
        self._artifacts = artifacts
        self._names = names or LogNames()
        self._directory = -1
        self._open: dict[str, _Log] = {}
        self._at_line_start: dict[str, bool] = {}
        self._stale: set[str] = set()
        self._silent: set[str] = set()  # the logs that there must not be

    def observe(self, event: Event) -> None:
        """Write an event into the log of its step."""
        match event:
            case StepOutput():
                self._write(event.step, event.data)
                self._at_line_start[event.step] = event.data.endswith(b"\n")
            case JobStarted():
                self._names.begin(event.steps)
                self._enter()
            case StepStarted() if self._stale and event.step not in self._open:
                self._clear_stale(self._names.name(event.step))
            case StepRetrying():
                line = b"" if self._at_line_start.get(event.step, True) else b"\n"
                self._write(event.step, line + f"runnerlib: {retrying(event)}\n".encode(errors="backslashreplace"))
                self._at_line_start[event.step] = True
            case StepFinished() if event.result.name in self._open:
                self._finish(event.result.name)
            case StepFinished() if event.result.attempts:
                self._silent.add(self._names.name(event.result.name))
            case JobFinished():
                self._clear_silent()
                self.close()

    def close(self) -> None:
        """Close all files; the log of a step that has not finished stays as `.part`."""
        for log in self._open.values():
            os.close(log.fd)
        self._open.clear()
        if self._directory >= 0:
            os.close(self._directory)
            self._directory = -1

    def _enter(self) -> None:
        """Open the directory of the logs; it must be a directory, not a link to one."""
        try:
            self._artifacts.mkdir(parents=True, exist_ok=True)
            above = os.open(self._artifacts, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            try:
                with suppress(FileExistsError):
                    os.mkdir(DIRECTORY, dir_fd=above)
                self._directory = os.open(DIRECTORY, _DIRECTORY_FLAGS, dir_fd=above)
                self._stale = set(os.listdir(self._directory))
            finally:
                os.close(above)
        except OSError as error:
            raise OutputError(f"cannot make logs in '{self._artifacts / DIRECTORY}': {error.strerror}") from None

    def _clear_stale(self, name: str) -> None:
        """Remove the log of an earlier run: it must not be taken for that of the step that begins."""
        if not self._stale.isdisjoint((name, name + _PART)):
            self._clear(name)

    def _clear_silent(self) -> None:
        """Remove what looks like the log of a step that wrote nothing; any step of the job may have put it there."""
        for name in os.listdir(self._directory) if self._silent else ():
            if name.removesuffix(_PART) in self._silent:
                self._unlink(name)

    def _clear(self, name: str) -> None:
        for stale in (name, name + _PART):
            self._unlink(stale)

    def _unlink(self, name: str) -> None:
        try:
            os.unlink(name, dir_fd=self._directory)
        except FileNotFoundError:
            pass
        except OSError as error:
            raise self._failed(name, error) from None

    def _begin(self, step: str) -> _Log:
        """Create the log of a step on its first output: most steps of a large graph are silent."""
        name = self._names.name(step)
        self._clear(name)
        try:
            log = _Log(os.open(name + _PART, _FILE_FLAGS, 0o644, dir_fd=self._directory), name)
        except OSError as error:
            raise self._failed(name, error) from None
        self._open[step] = log
        return log

    def _write(self, step: str, data: bytes) -> None:
        log = self._open.get(step) or self._begin(step)
        rest = memoryview(data)
        try:
            while rest:
                rest = rest[os.write(log.fd, rest) :]
        except OSError as error:
            raise self._failed(log.name, error) from None

    def _finish(self, step: str) -> None:
        log = self._open.pop(step)
        self._at_line_start.pop(step, None)
        try:
            os.close(log.fd)  # some file systems report only here that they are full
            os.rename(log.name + _PART, log.name, src_dir_fd=self._directory, dst_dir_fd=self._directory)
        except OSError as error:
            raise self._failed(log.name, error) from None

    def _failed(self, name: str, error: OSError) -> OutputError:
        return OutputError(f"cannot write the log '{self._artifacts / DIRECTORY / name}': {error.strerror}")
