"""What a workspace knows of the jobs that ran in it, and of those that run now.

For each run of a job there is a file with what became of it, and a lock that the process holds that runs it:
a file may be stale, a lock goes with its process. Nothing secret is written.
"""

from __future__ import annotations

import errno
import fcntl
import os
from contextlib import suppress
from pathlib import Path
from struct import Struct
from typing import TYPE_CHECKING, Any

from runnerlib._util.locked_file import FileError, opened, read, remove
from runnerlib._util.paths import OWN, locate, own_directory
from runnerlib.errors import RunnerError
from runnerlib.output.log.file_names import file_name

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from runnerlib._util.paths import Workspace
    from runnerlib.events.result import StepResult

DIRECTORY_VARIABLE = "RUNNERLIB_RECORDS"
"""The variable that tells a job where the records of its workflow are."""

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
    """The directory with the records of a workspace."""
    return workspace.base / OWN / "jobs"


def records_directory(environ: Mapping[str, str], cwd: Path) -> Path:
    """Where the records are for this process: those of its workflow, else of its workspace. Raises PathError."""
    given = environ.get(DIRECTORY_VARIABLE)
    return Path(given) if given else directory_of(locate(environ, cwd))


def job_running(directory: Path, name: str) -> bool:
    """Whether a process runs the job `name`, or one of its instances, right now."""
    return any(_held(directory / f"{file}.lock") for file, _ in _records(directory, name))


def job_result(directory: Path, name: str) -> dict[str, Any] | None:
    """What became of the job `name` when it ran last; None when nothing is known of it.

    Keys: `job`, `state` (completed, failed, cancelled, timeout, skipped, running, or interrupted: whoever ran it
    was killed), `outcome`, `exit_code` (None for a job that has not ended), `reason`, `cause` as in StepResult,
    `started` and `ended` (seconds since the epoch, or None), `outputs`. Of a job with several instances it is that
    of the first that failed, else of the last, and `instances` has each by name.
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
    """The record of one run of a job, from its start to its end; no other process can run it meanwhile."""

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
        """The job starts. Raises RunnerError."""
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
        """The job has ended; reason and `outputs` hold no secret. Raises RunnerError."""
        self._write({**self._names, **entry(result), "outputs": dict(outputs)})

    def close(self) -> None:
        """Let go of the lock."""
        os.close(self._lock)

    def _write(self, record: Mapping[str, Any]) -> None:
        write(self._path, record)


def record_without_run(directory: Path, job: str, result: StepResult) -> None:
    """Write down that an instance did not run, and why. Raises RunnerError."""
    record = {"job": job, "instance": result.name, **entry(result), "outputs": dict(result.outputs)}
    write(directory / f"{file_name(result.name)}.json", record)


def forget(directory: Path, kept: Collection[str]) -> None:
    """Remove the records of an earlier run, but those of the instances in `kept` and of what runs right now.

    Raises RunnerError.
    """
    for file, record in _records(directory):
        if record["instance"] not in kept and not _held(directory / f"{file}.lock"):
            remove(directory / f"{file}.json")


def entry(result: StepResult) -> dict[str, Any]:
    """How a job ended, as records have it."""
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
    """Replace the record at `path` as a whole. Raises RunnerError."""
    import json  # only workflows keep records

    part = path.with_suffix(f".{os.getpid()}.part")
    try:
        _make(path.parent)
        with suppress(FileNotFoundError):
            part.unlink()
        file = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o644)
        with os.fdopen(file, "w") as written:
            json.dump(record, written)
        part.replace(path)
    except OSError as error:
        raise RunnerError(f"cannot write the record '{path}': {error.strerror}") from None


def _make(directory: Path) -> None:
    """Make the directory of a workspace's records, as `directory_of` has it; containers of another user read it."""
    own_directory(directory.parents[1], *directory.parts[-2:], mode=0o755)


def _records(directory: Path, name: str | None = None) -> Iterator[tuple[str, dict[str, Any]]]:
    """The records by the name of their file: of one instance, or of all that the job `name` has, or of all jobs."""
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
            continue  # another's, or being replaced
        if wanted:
            yield path.stem, record


def _current(lock: Path, record: dict[str, Any]) -> dict[str, Any]:
    if record.get("state") == "running" and not _held(lock):
        return {**record, "state": "interrupted"}
    return record


def _held(path: Path) -> bool:
    """Whether a living process holds the lock. Raises RunnerError when the kernel does not say."""
    if not os.path.lexists(path):
        return False
    lock = opened(path, os.O_RDONLY)
    try:
        # It is only asked who has it: taking it for a moment could keep a runner from starting the job.
        found = fcntl.fcntl(lock, fcntl.F_OFD_GETLK, _lock_of(fcntl.F_RDLCK))
    except OSError as error:
        raise RunnerError(f"cannot see who holds '{path}': {error.strerror}") from None
    finally:
        os.close(lock)
    return bool(_FLOCK.unpack(found)[0] != fcntl.F_UNLCK)


def _lock_of(kind: int) -> bytes:
    """A lock of a whole file, as the kernel has it; it belongs to the open file, not to the process."""
    return _FLOCK.pack(kind, os.SEEK_SET, 0, 0, 0)
