"""What the steps and plugins of a run trigger, until the job has ended: a file with a JSON object a line.

RUNNERLIB_TRIGGERS tells steps the file; any language can append to it. Nothing of it is sent before the
job has ended well, so that a step that triggers a deployment and a later one that fails deploy nothing.
"""

from __future__ import annotations

import os
from contextvars import ContextVar
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from runnerlib.trigger.job_trigger import JobTrigger

VARIABLE = "RUNNERLIB_TRIGGERS"

SPOOL: ContextVar[Path | None] = ContextVar("spool", default=None)
"""The spool of the run that this code belongs to, for plugins: they run in the runner's own process."""


def spool_of(environ: Mapping[str, str]) -> Path | None:
    """The spool of the run that this process or this code is a part of; None outside of one."""
    given = environ.get(VARIABLE)
    return SPOOL.get() or (Path(given) if given else None)


def append(path: Path, triggers: Iterable[JobTrigger]) -> None:
    """Add triggers, all or none. Raises FileError."""
    # A plain run names its spool and never uses it: what that takes is loaded here.
    import json
    from importlib import import_module

    file = import_module("runnerlib.trigger.file")
    data = "".join(json.dumps(trigger.to_dict(), separators=(",", ":")) + "\n" for trigger in triggers).encode()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise file.FileError(f"cannot make the directory '{path.parent}': {error.strerror}") from None
    spool = file.opened(path, os.O_RDWR | os.O_CREAT | os.O_APPEND)
    try:
        file.hold(spool, path)
        size = os.fstat(spool).st_size
        if size and os.pread(spool, 1, size - 1) != b"\n":  # somebody else's line has no end
            data = b"\n" + data
        if os.write(spool, data) != len(data):
            os.ftruncate(spool, size)
            raise file.FileError(f"cannot write '{path}': there is no room")
    except OSError as error:
        raise file.FileError(f"cannot write '{path}': {error.strerror}") from None
    finally:
        os.close(spool)


def collect(path: Path) -> list[JobTrigger]:
    """What the spool holds. Raises TriggerError with a line for each line of it that is no trigger."""
    import json
    from importlib import import_module

    file, job_trigger = import_module("runnerlib.trigger.file"), import_module("runnerlib.trigger.job_trigger")
    found: list[JobTrigger] = []
    problems: list[str] = []
    for number, line in enumerate((file.read(path) or b"").split(b"\n"), 1):
        if not line.strip():
            continue
        try:
            found.append(job_trigger.trigger_of(json.loads(line)))
        except (ValueError, RecursionError):
            problems.append(f"line {number} of {VARIABLE} is not valid JSON")
        except job_trigger.TriggerError as error:
            problems.append(f"line {number} of {VARIABLE}: {error}")
    if problems:
        raise job_trigger.TriggerError("\n".join(problems))
    return found
