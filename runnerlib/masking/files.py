"""Secrets in files: find them, mask them in place, or move the file away before it is published."""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from typing import TYPE_CHECKING

from runnerlib._util.files import whole_file
from runnerlib.errors import RunnerError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from runnerlib.masking import SecretMasker
    from runnerlib.masking.report import MaskReport

_CHUNK = 1 << 16


def regular_files(paths: Iterable[Path]) -> Iterator[Path]:
    """The regular files among `paths` and below them, each directory sorted.

    Symlinks below a directory are not followed: what they lead to is not part of it. Raises
    RunnerError for a path that does not exist or cannot be read.
    """
    for path in paths:
        try:
            mode = path.stat().st_mode
        except OSError as error:
            raise _unusable("check", path, error) from None
        if stat.S_ISDIR(mode):
            yield from regular_files(child for child in _children(path) if not child.is_symlink())
        elif stat.S_ISREG(mode):
            yield path


def find_secrets(path: Path, masker: SecretMasker) -> MaskReport:
    """Return what masking the file at `path` would hide; the file is only read."""
    try:
        return _mask(path, masker, lambda _data: None)
    except OSError as error:
        raise _unusable("read", path, error) from None


def mask_file(path: Path, masker: SecretMasker) -> MaskReport:
    """Replace the file at `path` by its masked content, keeping mode and, where allowed, owner.

    The masked copy is complete before it takes the file's place. Hard links to the old content stay.
    """
    try:
        before = path.stat()
        with whole_file(path) as copy:
            report = _mask(path, masker, copy.write)
            with suppress(PermissionError):
                os.fchown(copy.fileno(), before.st_uid, before.st_gid)
            os.fchmod(copy.fileno(), stat.S_IMODE(before.st_mode))
    except OSError as error:
        raise _unusable("mask", path, error) from None
    return report


def quarantine(path: Path, directory: Path) -> Path:
    """Move the file at `path` into `directory`, which only its owner may enter; its new path."""
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        place = directory / path.name
        number = 0
        while place.exists():
            number += 1
            place = directory / f"{path.name}.{number}"
        os.replace(path, place)
    except OSError as error:
        raise _unusable("move", path, error) from None
    return place


def _mask(path: Path, masker: SecretMasker, write: Callable[[bytes], object]) -> MaskReport:
    stream = masker.stream()
    with path.open("rb", buffering=0) as file:
        while data := file.read(_CHUNK):
            write(stream.feed(data))
    write(stream.flush())
    return stream.report()


def _children(directory: Path) -> list[Path]:
    try:
        return sorted(directory.iterdir())
    except OSError as error:
        raise _unusable("check", directory, error) from None


def _unusable(what: str, path: Path, error: OSError) -> RunnerError:
    return RunnerError(f"cannot {what} '{path}': {error.strerror}")
