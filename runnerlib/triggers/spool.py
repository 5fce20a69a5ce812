"""The spool: the triggers of a run's steps and plugins until the job has ended, one JSON object a line.

RUNNERLIB_TRIGGERS tells steps the file; any language can append to it. Nothing of it is sent before the
job has ended well, so that a step that triggers a deployment and a later one that fails deploy nothing.
A line with the key PERMISSION lets the message with it go to a coordinator over plain http, as its sender may.
"""

from __future__ import annotations

import os
from contextvars import ContextVar
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from runnerlib.triggers.job_trigger import JobTrigger

VARIABLE = "RUNNERLIB_TRIGGERS"
PERMISSION = "allow_insecure_transport"

SPOOL: ContextVar[Path | None] = ContextVar("spool", default=None)
"""The spool of the run that this code belongs to, for plugins: they run in the runner's own process."""


def spool_of(environ: Mapping[str, str]) -> Path | None:
    """The spool of the run that this process or this code is a part of; None outside of one."""
    given = environ.get(VARIABLE)
    return SPOOL.get() or (Path(given) if given else None)


class Spooled(NamedTuple):
    """Contents of a spool: triggers, permission for plain http, and an error text for each bad line."""

    triggers: tuple[JobTrigger, ...] = ()
    insecure: bool = False
    problems: tuple[str, ...] = ()

    def __add__(self, other: object) -> Spooled:
        """Return the contents of both."""
        if not isinstance(other, Spooled):
            return NotImplemented
        return Spooled(
            (*self.triggers, *other.triggers), self.insecure or other.insecure, (*self.problems, *other.problems)
        )


def append(path: Path, triggers: Iterable[JobTrigger], *, insecure: bool = False) -> None:
    """Add triggers, all or none; `insecure` ones may go over plain http. Raises FileError."""
    # A plain run names its spool and never uses it: so modules are loaded here.
    import json

    permission = {PERMISSION: True} if insecure else {}
    lines = [json.dumps({**permission, **trigger.to_dict()}, separators=(",", ":")) + "\n" for trigger in triggers]
    append_lines(path, "".join(lines).encode())


def append_lines(path: Path, data: bytes) -> None:
    """Add lines as they are, all or none. Raises FileError."""
    from runnerlib._util import locked_file

    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise locked_file.FileError(f"cannot make the directory '{path.parent}': {error.strerror}") from None
    spool = locked_file.opened(path, os.O_RDWR | os.O_CREAT | os.O_APPEND)
    try:
        locked_file.hold(spool, path)
        size = os.fstat(spool).st_size
        if size and os.pread(spool, 1, size - 1) != b"\n":  # a line of another writer has no end
            data = b"\n" + data
        if os.write(spool, data) != len(data):
            os.ftruncate(spool, size)
            raise locked_file.FileError(f"cannot write '{path}': there is no room")
    except OSError as error:
        raise locked_file.FileError(f"cannot write '{path}': {error.strerror}") from None
    finally:
        os.close(spool)


def collect(path: Path) -> Spooled:
    """Return the contents of the spool. Raises FileError when it cannot be read."""
    import json

    from runnerlib._util import locked_file
    from runnerlib.triggers import job_trigger

    found: list[JobTrigger] = []
    insecure = False
    problems: list[str] = []
    for number, line in enumerate((locked_file.read(path) or b"").split(b"\n"), 1):
        if not line.strip():
            continue
        try:
            given = json.loads(line)
            permitted = isinstance(given, dict) and given.pop(PERMISSION, False)
            found.append(job_trigger.trigger_of(given))
            insecure = insecure or permitted is True
        except job_trigger.TriggerError as error:
            problems.append(f"line {number} of {VARIABLE}: {error}")
        except (ValueError, RecursionError):
            problems.append(f"line {number} of {VARIABLE} is not valid JSON")
    return Spooled(tuple(found), insecure, tuple(problems))
