"""A file of a report: there is none, the one of an earlier run, or the whole new one."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from runnerlib._util.files import explain, open_regular
from runnerlib._util.paths import made_directory
from runnerlib.errors import OutputError, PathError

if TYPE_CHECKING:
    from collections.abc import Iterable

_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


class ReportFile:
    """The file at `path`, which `what` describes in errors; its directory is opened, or made, before any step runs.

    It is never reached through a link of the workspace `base`. Raises OutputError when it cannot be written.
    """

    def __init__(self, path: str, base: Path, what: str) -> None:
        self._path = path
        self._what = what
        whole = Path(os.path.abspath(path))
        self._name = whole.name
        try:
            self._directory = made_directory(base, whole.parent)
        except OSError as error:
            raise self._failed(explain(error)) from None
        except PathError as error:
            raise self._failed(str(error)) from None
        try:
            self._check()
        except OSError as error:
            self.close()
            raise self._failed(explain(error)) from None

    def read(self, most: int) -> bytes:
        """Return the last `most` bytes of what is there from an earlier run; nothing where there is no plain file."""
        try:
            with open(open_regular(self._name, dir_fd=self._directory), "rb") as file:
                file.seek(max(os.fstat(file.fileno()).st_size - most, 0))
                return file.read(most)
        except OSError:
            return b""

    def remove(self) -> None:
        """Remove what is there from an earlier run."""
        with suppress(FileNotFoundError):
            os.unlink(self._name, dir_fd=self._directory)

    def write(self, parts: Iterable[bytes]) -> None:
        """Write the whole file, which then takes the place of what was there."""
        new = f".new-{os.getpid()}-{os.urandom(6).hex()}"
        try:
            with open(os.open(new, _NEW, 0o644, dir_fd=self._directory), "wb") as file:
                file.writelines(parts)
            os.replace(new, self._name, src_dir_fd=self._directory, dst_dir_fd=self._directory)
        except OSError as error:
            with suppress(OSError):
                os.unlink(new, dir_fd=self._directory)
            raise self._failed(explain(error)) from None

    def close(self) -> None:
        """Close the directory."""
        if self._directory >= 0:
            os.close(self._directory)
            self._directory = -1

    def _check(self) -> None:
        """Find out now whether the file can be made, not after an hour."""
        if os.path.isdir(f"/proc/self/fd/{self._directory}/{self._name}"):
            raise IsADirectoryError(21, "it is a directory")
        trial = f".new-{os.getpid()}-{os.urandom(6).hex()}"
        os.close(os.open(trial, _NEW, 0o600, dir_fd=self._directory))
        os.unlink(trial, dir_fd=self._directory)

    def _failed(self, why: str) -> OutputError:
        return OutputError(f"cannot write the {self._what} to '{self._path}': {why}")
