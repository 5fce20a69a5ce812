"""Records of the jobs of a workspace: the results of ended jobs, and which jobs run now.

Each run of a job has a file with its state, and a lock held by the process that runs it: a file may be stale, a lock
ends with its process. Nothing secret is written.
"""

from __future__ import annotations

import errno
import fcntl
import os
from pathlib import Path
from struct import Struct
from typing import TYPE_CHECKING, Any

from runnerlib._util.files import write_whole
from runnerlib._util.locked_file import FileError, opened, read, remove
from runnerlib._util.paths import OWN, RECORDS_VARIABLE, locate, own_directory
from runnerlib.errors import RunnerError
from runnerlib.output.log.file_names import file_name

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from runnerlib._util.paths import Workspace
    from runnerlib.events.result import StepResult

STATES: Mapping[str, str] = {
    "success": "completed",
    "failure": "failed",
    "cancelled": "cancelled",
    "skipped": "skipped",
}
"""The states of jobs, in the words of Reactorcide's coordinator, by outcome; besides `running` and `interrupted`."""

_LARGEST = 4 << 20
_FLOCK = Struct("hhqqi4x")  # struct flock of fcntl(2)


def directory_of(workspace: Workspace) -> Path:
    """Return the directory with the records of a workspace."""
    return workspace.base / OWN / "jobs"


def records_directory(environ: Mapping[str, str], cwd: Path) -> Path:
    """Return the directory of the records of this process's workflow, or else workspace. Raises PathError."""
    given = environ.get(RECORDS_VARIABLE)
    return Path(given) if given else directory_of(locate(environ, cwd))


def job_running(directory: Path, name: str) -> bool:
    """Return whether a process runs the job `name`, or one of its instances, right now."""
    return any(_held(directory / f"{file}.lock") for file, _ in _records(directory, name))


def job_result(directory: Path, name: str) -> dict[str, Any] | None:
    """Return the state of the last run of the job `name`; None without a record.

    Keys: `job`, `state` (completed, failed, cancelled, timeout, skipped, running, or interrupted: its runner was
    killed), `outcome`, `exit_code` (None for a job that has not ended), `reason`, `cause` as in StepResult,
    `started` and `ended` (seconds since the epoch, or None), `outputs`. For a job with several instances these are
    those of the first that failed, else of the last, and `instances` has each by name.
    """
    found = [_current(directory / f"{file}.lock", record) for file, record in _records(directory, name)]
    if not found:
        return None
    if len(found) == 1 and found[0]["instance"] in {name, found[0]["job"]}:
        return found[0]
    order = ("running", "failed", "timeout", "cancelled", "interrupted")
    worst = min(found, key=lambda one: order.index(one["state"]) if one["state"] in order else len(order))
    outputs = {key: value for one in found for key, value in one["outputs"].items()}
    return {
        **worst,
        "job": name,
        "instance": name,
        "outputs": outputs,
        "instances": {one["instance"]: one for one in found},
    }


class Record:
    """The record of one run of a job, and a lock: no other process can run the job meanwhile."""

    def __init__(self, directory: Path, job: str, instance: str) -> None:
        """Take the lock. Raises RunnerError when another process has it, or it cannot be made."""
        self._path = directory / f"{file_name(instance)}.json"
        self._names = {"job": job, "instance": instance}
        _make(directory)
        self._lock = opened(directory / f"{file_name(instance)}.lock", os.O_RDWR | os.O_CREAT, 0o644)
        try:
            fcntl.fcntl(self._lock, fcntl.F_OFD_SETLK, _lock_of(fcntl.F_WRLCK))
        except OSError as error:
            os.close(self._lock)
            if error.errno in {errno.EAGAIN, errno.EACCES}:
                raise RunnerError(f"the job '{instance}' is running already in this workspace") from None
            raise RunnerError(f"cannot lock the record of the job '{instance}': {error.strerror}") from None

    def started(self, when: float) -> None:
        """Record the start of the job. Raises RunnerError."""
        nothing: dict[str, Any] = {
            "outcome": None,
            "exit_code": None,
            "reason": "",
            "cause": "",
            "ended": None,
            "outputs": {},
        }
        self._write({**self._names, "state": "running", "started": when, **nothing})

    def ended(self, result: StepResult, outputs: Mapping[str, str]) -> None:
        """Record the end of the job; reason and `outputs` must hold no secret. Raises RunnerError."""
        self._write({**self._names, **entry(result), "outputs": dict(outputs)})

    def close(self) -> None:
        """Release the lock."""
        os.close(self._lock)

    def _write(self, record: Mapping[str, Any]) -> None:
        write(self._path, record)


def record_without_run(directory: Path, job: str, result: StepResult) -> None:
    """Record that an instance did not run, and why. Raises RunnerError."""
    record = {"job": job, "instance": result.name, **entry(result), "outputs": dict(result.outputs)}
    write(directory / f"{file_name(result.name)}.json", record)


def forget(directory: Path, kept: Collection[str]) -> None:
    """Remove the records of an earlier run, except those of the instances in `kept` and of running jobs.

    Raises RunnerError.
    """
    for file, record in _records(directory):
        if record["instance"] not in kept and not _held(directory / f"{file}.lock"):
            remove(directory / f"{file}.json")


def entry(result: StepResult) -> dict[str, Any]:
    """Return the result of a job as fields of a record."""
    state = "timeout" if result.cause in {"timeout", "no_output"} and not result.success else STATES[result.outcome]
    return {
        "state": state,
        "outcome": result.outcome,
        "exit_code": None if result.outcome == "skipped" else result.exit_code,
        "reason": result.reason,
        "cause": result.cause,
        "started": result.started or None,
        "ended": result.ended or None,
    }


def write(path: Path, record: Mapping[str, Any]) -> None:
    """Replace the record at `path` atomically. Raises RunnerError."""
    import json  # only workflows keep records

    try:
        _make(path.parent)
        write_whole(path, json.dumps(record).encode(), 0o644)
    except OSError as error:
        raise RunnerError(f"cannot write the record '{path}': {error.strerror}") from None


def _make(directory: Path) -> None:
    """Create the directory of `directory_of`, readable for containers of another user."""
    own_directory(directory.parents[1], *directory.parts[-2:], mode=0o755)


def _records(directory: Path, name: str | None = None) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield file names and records of one instance, of all instances of the job `name`, or of all jobs."""
    import json

    try:
        files = sorted(path for path in directory.iterdir() if path.suffix == ".json")
    except OSError:
        return
    for path in files:
        try:
            record = json.loads(read(path, _LARGEST) or b"")
            wanted = {record["job"], record["instance"]} & {name} or name is None
        except (FileError, ValueError, KeyError, TypeError, RecursionError):
            continue  # not a record, or being replaced
        if wanted:
            yield path.stem, record


def _current(lock: Path, record: dict[str, Any]) -> dict[str, Any]:
    if record.get("state") == "running" and not _held(lock):
        return {**record, "state": "interrupted"}
    return record


def _held(path: Path) -> bool:
    """Return whether a living process holds the lock. Raises RunnerError when the kernel does not answer."""
    if not os.path.lexists(path):
        return False
    lock = opened(path, os.O_RDONLY)
    try:
        # Only query the holder: taking the lock, even for a moment, could keep a runner from starting the job.
        found = fcntl.fcntl(lock, fcntl.F_OFD_GETLK, _lock_of(fcntl.F_RDLCK))
    except OSError as error:
        raise RunnerError(f"cannot see who holds '{path}': {error.strerror}") from None
    finally:
        os.close(lock)
    return bool(_FLOCK.unpack(found)[0] != fcntl.F_UNLCK)


def _lock_of(kind: int) -> bytes:
    """Return a struct flock for a whole file; the lock belongs to the open file, not to the process."""
    return _FLOCK.pack(kind, os.SEEK_SET, 0, 0, 0)
