"""Record of a run on a fleet in the state directory of its user: what its dispatcher needs to attach to it again.

Its key opens what workers say of its jobs, so the file is for its owner only. A lock on it keeps a second dispatcher
of the run away.
"""

from __future__ import annotations

import json
import os
from base64 import b64decode, b64encode
from contextlib import suppress
from hashlib import blake2b
from time import time
from typing import TYPE_CHECKING, NamedTuple

from runnerlib._util.files import explain, open_regular, try_lock, write_whole
from runnerlib._util.paths import own_directory
from runnerlib.errors import ConfigError, RunnerError
from runnerlib.runner.journal import state_directory

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

_KEPT = 30 * 24 * 3600
_KEY = 32
_PLACE = "fleet-runs"


class RunRecord(NamedTuple):
    """The record: `signature` changes when the workflow does; `words` are None where they may hold a secret."""

    run: str
    key: bytes
    signature: str
    workflow: str
    workspace: str
    directory: str
    words: tuple[str, ...] | None
    started: float
    ended: bool = False

    def job_key(self, number: int) -> bytes:
        """Return the key of the frames of one job."""
        return blake2b(f"{self.run}.{number}".encode(), key=self.key, digest_size=_KEY).digest()


def new_run_key() -> bytes:
    """Make the key of a run."""
    return os.urandom(_KEY)


class OpenRecord:
    """The record of a run that this process dispatches."""

    def __init__(self, record: RunRecord, path: Path | None = None, lock: int = -1, *, known: bool = False) -> None:
        self.record = record
        self.known = known
        self._path = path
        self._lock = lock

    def ended(self) -> None:
        """Write down that the run has ended."""
        if self._path is not None:
            with suppress(OSError):  # then the fleet, which has forgotten the run, says so
                write_whole(self._path, _written(self.record._replace(ended=True)))

    def close(self) -> None:
        """Let another process dispatch the run."""
        if self._lock >= 0:
            os.close(self._lock)


def open_record(directory: Path | None, record: RunRecord, *, needed: bool) -> OpenRecord:
    """Open the record of a run, or write this one. Without a place for it, one that is not `needed` is not kept.

    Raises ConfigError for a run that has ended or was begun with another workflow, RunnerError for one that another
    process dispatches.
    """
    if directory is None:
        if needed:
            raise ConfigError("there is no place for the key of the run: the user has no home directory")
        return OpenRecord(record)
    try:
        place = own_directory(directory, _PLACE)
        path = place / record.run
        known = path.exists()
        if not known:
            _forget_old(place)
            write_whole(path, _written(record), overwrite=False)
        lock = open_regular(path)
    except (OSError, RunnerError) as error:
        if not needed:
            return OpenRecord(record)
        why = explain(error) if isinstance(error, OSError) else str(error)
        raise RunnerError(f"the key of run '{record.run}' cannot be kept in '{directory}': {why}") from None
    opened = OpenRecord(record, path, lock, known=known)
    try:
        _take(opened, record)
    except BaseException:
        opened.close()
        raise
    return opened


def _take(opened: OpenRecord, wanted: RunRecord) -> None:
    """Lock and check the record. Raises ConfigError and RunnerError."""
    if not try_lock(opened._lock):
        raise RunnerError(f"another process dispatches run '{wanted.run}'")
    found = _read(opened._lock, wanted.run)
    if found.ended:
        raise ConfigError(f"run '{wanted.run}' has ended; give another --run-id")
    if found.signature != wanted.signature:
        text = f"run '{wanted.run}' was begun with another workflow, other variables or another key of the fleet"
        raise ConfigError(f"{text}; give those, or another --run-id")
    opened.record = found


def record_of(run: str, state_dir: str | None, environ: Mapping[str, str]) -> RunRecord:
    """Return the record of a run. Raises ConfigError where this user has none."""
    directory = state_directory(state_dir, environ)
    try:
        if directory is None:
            raise FileNotFoundError
        file = open_regular(directory / _PLACE / run)
    except OSError:
        raise ConfigError(f"this user has no run '{run}'; `runnerlib runs list` shows those of the fleet") from None
    try:
        return _read(file, run)
    finally:
        os.close(file)


def all_records(state_dir: str | None, environ: Mapping[str, str]) -> Iterator[RunRecord]:
    """Yield the records of this user; those that cannot be read are left out."""
    directory = state_directory(state_dir, environ)
    if directory is None or not (directory / _PLACE).is_dir():
        return
    for name in os.listdir(directory / _PLACE):
        with suppress(ConfigError):
            yield record_of(name, state_dir, environ)


def _written(record: RunRecord) -> bytes:
    return json.dumps({**record._asdict(), "key": b64encode(record.key).decode()}).encode()


def _read(file: int, run: str) -> RunRecord:
    try:
        found = json.loads(os.pread(file, 1 << 20, 0))
        words = found.pop("words")
        key = b64decode(found.pop("key"), validate=True)
        record = RunRecord(**found, key=key, words=None if words is None else tuple(words))
    except (ValueError, TypeError, KeyError, AttributeError):
        raise ConfigError(f"the record of run '{run}' is damaged; give another --run-id") from None
    return record


def _forget_old(place: Path) -> None:
    for name in os.listdir(place):
        with suppress(OSError):
            path = place / name
            if path.lstat().st_mtime < time() - _KEPT:
                path.unlink()
