"""The seal of a journal: the proof that a runner wrote each of its lines.

Steps can write in their workspace, so a journal alone proves nothing. Each line carries a code that depends on a key
and on all lines before it: no line can be changed, added, moved or left out. The code of the last line is stored
beside the key, so that lines at the end cannot be removed. Each journal has a new key, so an older journal cannot
replace it. The key has two halves, in files that only their owner can read: one outside the workspace, which
containers of jobs cannot see, and one beside the journal, which steps in a sandbox cannot read.
"""

from __future__ import annotations

import os
from contextlib import suppress
from hashlib import blake2b
from hmac import compare_digest
from pathlib import Path
from time import time
from typing import TYPE_CHECKING

from runnerlib._util.files import open_regular, write_whole
from runnerlib._util.paths import own_directory
from runnerlib.errors import PathError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

_SIZE = 32
_MARK = b',"code":"'
_END = b'"}\n'
# Seals that were not used for _STALE seconds are removed, once there are _MANY files.
_STALE = 30 * 24 * 3600
_MANY = 256


class SealError(Exception):
    """A journal that does not match its seal, or a missing seal; the text says why."""


class Seal:
    """The open seal of one journal."""

    def __init__(self, path: Path | None, near: Path, *, fresh: bool) -> None:
        """Open the seal at `path`, or make a new one; `near` has the half of the key beside the journal.

        Raises SealError.
        """
        if path is None:
            raise SealError("there is no place for its key: the user has no home directory, and --state-dir is not set")
        try:
            if fresh:
                own_directory(path.parent.parent, path.parent.name)
                _forget_stale(path.parent)
                write_whole(path, os.urandom(_SIZE) + bytes(_SIZE))
                write_whole(near, os.urandom(_SIZE))
            self._file = open_regular(path, os.O_RDWR)
        except FileNotFoundError:
            raise SealError(f"there is no key for it in '{path.parent}'") from None
        except OSError as error:
            raise SealError(f"its key in '{path.parent}' cannot be used: {error.strerror}") from None
        except PathError as error:
            raise SealError(f"there is no place for its key: {error}") from None
        found = os.pread(self._file, 2 * _SIZE + 1, 0)
        status = os.fstat(self._file)
        if len(found) != 2 * _SIZE or status.st_uid != os.geteuid() or status.st_mode & 0o7077:
            os.close(self._file)
            raise SealError(f"its key in '{path.parent}' is not for its owner only")
        try:
            half = _content(near)
        except OSError as error:
            os.close(self._file)
            raise SealError(f"the half of its key in '{near}' cannot be used: {error.strerror}") from None
        self._key, self._last = blake2b(found[:_SIZE] + half, digest_size=_SIZE).digest(), found[_SIZE:]
        self._code = self._signed = self._next(b"", b"")

    def signed(self, line: bytes) -> bytes:
        """Return `line`, a JSON object, with its code and a line break."""
        self._signed = self._next(self._code, line)
        return line[:-1] + _MARK + self._signed.hex().encode() + _END

    def keep(self) -> None:
        """Store the code of the last signed line, once the journal has that line. Raises OSError."""
        self._code = self._signed
        os.pwrite(self._file, self._code, _SIZE)

    def verified(self, lines: Iterable[bytes]) -> Iterator[bytes]:
        """Yield the lines without codes. Raises SealError at the first unsigned line, or if the end is missing."""
        seen = self._last == bytes(_SIZE)
        for number, line in enumerate(lines, 1):
            body, mark, code = line.rpartition(_MARK)
            self._code = self._next(self._code, body + b"}")
            if not mark or not compare_digest(code, self._code.hex().encode() + _END):
                raise SealError(f"line {number} was not written by the runner")
            seen = seen or compare_digest(self._code, self._last)
            yield body + b"}"
        if not seen:
            raise SealError("lines at its end are missing")

    def close(self) -> None:
        """Close the file."""
        os.close(self._file)

    def _next(self, code: bytes, line: bytes) -> bytes:
        return blake2b(code + line, key=self._key, digest_size=_SIZE).digest()


def _content(path: Path) -> bytes:
    """Return the content of a small file. Raises OSError."""
    with open(open_regular(path), "rb") as file:
        return file.read(_SIZE)


def seal_of(journal: Path, state_dir: str | None, environ: Mapping[str, str]) -> Path | None:
    """Return the path of a journal's seal, in `state_dir` or by default in `$XDG_STATE_HOME/runnerlib`.

    None if the user's home directory does not exist, because the runner must not create it. Source of the default:
    XDG Base Directory Specification.
    """
    directory = state_directory(state_dir, environ)
    name = blake2b(os.path.realpath(journal).encode("utf-8", "surrogateescape"), digest_size=16).hexdigest()
    return None if directory is None else directory / "journals" / name


def state_directory(given: str | None, environ: Mapping[str, str]) -> Path | None:
    """Return the directory of the runner's own state; None where there is no place for it."""
    home, usual = environ.get("HOME"), environ.get("XDG_STATE_HOME")
    if not (given or usual or (home and Path(home).is_dir())):
        return None
    return Path(given or f"{usual or f'{home}/.local/state'}/runnerlib").absolute()


def _forget_stale(directory: Path) -> None:
    """Remove old seals, which collect where every run has a new workspace."""
    names = os.listdir(directory)
    if len(names) < _MANY:
        return
    for path in map(directory.joinpath, names):
        with suppress(OSError):
            if path.lstat().st_mtime < time() - _STALE:
                path.unlink()
