"""Files that several processes write, in directories that a job may have filled: locked, whole, never followed."""

from __future__ import annotations

import os
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from runnerlib._util.files import explain, open_regular, try_lock, write_whole
from runnerlib.errors import RunnerError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

LARGEST = 16 << 20


class FileError(RunnerError):
    """A file that is shared with others cannot be read, written or locked."""


@contextmanager
def locked(path: Path, patience: float = 60.0) -> Iterator[None]:
    """Hold the lock of `path`, the file beside it that ends in `.lock`; a killed process releases it.

    Raises FileError when another process holds it for longer than `patience` seconds.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise FileError(f"cannot make the directory '{path.parent}': {error.strerror}") from None
    lock = path.with_name(path.name + ".lock")
    file = opened(lock, os.O_RDWR | os.O_CREAT)
    try:
        hold(file, lock, patience)
        yield
    finally:
        os.close(file)


def hold(file: int, path: Path, patience: float = 60.0) -> None:
    """Lock an open file until it is closed. Raises FileError after `patience` seconds."""
    deadline, pause = time.monotonic() + patience, 0.005
    while True:
        try:
            if try_lock(file):
                return
        except OSError as error:
            raise FileError(f"cannot lock '{path}': {error.strerror}") from None
        if time.monotonic() >= deadline:
            raise FileError(f"another process has held '{path}' for {patience:g} s")
        time.sleep(pause)
        pause = min(2 * pause, 0.1)


def opened(path: Path, flags: int, mode: int = 0o600) -> int:
    """A descriptor of a regular file that is no link. Raises FileError."""
    try:
        return open_regular(path, flags, mode)
    except OSError as error:
        raise FileError(f"cannot open '{path}': {explain(error)}") from None


def read(path: Path, most: int = LARGEST) -> bytes | None:
    """The content of a file; None when there is none. Raises FileError, also for more than `most` bytes."""
    if not os.path.lexists(path):
        return None
    with open(opened(path, os.O_RDONLY), "rb") as file:
        data = file.read(most + 1)
    if len(data) > most:
        raise FileError(f"'{path}' is larger than {most} bytes")
    return data


def replace(path: Path, data: bytes, mode: int = 0o600) -> None:
    """Write a file whole or not at all; only one process at a time may, so hold its lock. Raises FileError."""
    try:
        write_whole(path, data, mode, durable=True, aside=f"{path.name}.new")
    except OSError as error:
        raise FileError(f"cannot write '{path}': {error.strerror}") from None


def remove(path: Path) -> None:
    """Remove a file if it is there. Raises FileError."""
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        raise FileError(f"cannot remove '{path}': {error.strerror}") from None
