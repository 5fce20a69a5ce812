"""The only job of a worker that an engine has made for it: a directory with its ticket and its sealed envelope."""

from __future__ import annotations

import json
from pathlib import Path
from typing import NamedTuple

from runnerlib.errors import ConfigError, one_line
from runnerlib.runner.fleet.contract import Queue, Ticket

TICKET, ENVELOPE = "ticket", "envelope"
GIVEN_BACK = 75
"""The exit code of such a worker when another one is to run the job."""


class OnlyJob(NamedTuple):
    """A job, with its envelope."""

    ticket: Ticket
    sealed: bytes


def written(ticket: Ticket, sealed: bytes) -> dict[str, bytes]:
    """Return the files of a job, by their names."""
    return {TICKET: json.dumps(ticket).encode(), ENVELOPE: sealed}


def read_job(directory: str) -> OnlyJob:
    """Read the files of a job. Raises ConfigError."""
    place = Path(directory)
    try:
        run, number, (version, key, labels, lease, priority), *rest = json.loads((place / TICKET).read_bytes())
        queue = Queue(version, key, tuple(labels), float(lease), int(priority))
        return OnlyJob(Ticket(run, int(number), queue, *rest), (place / ENVELOPE).read_bytes())
    except OSError as error:
        raise ConfigError(f"cannot read the job in '{one_line(directory)}': {error.strerror}") from None
    except (ValueError, TypeError):
        raise ConfigError(f"'{one_line(directory)}' has no job of a fleet of this version") from None
