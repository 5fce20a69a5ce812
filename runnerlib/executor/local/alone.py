"""Exclusive runs: the process, such as the command line, has no other work, so every adopted child is the job's.

Processes that the runner itself starts, for source, secrets, containers and hooks of plugins, carry the mark of the
job as well, for step 0, because a child inherits the limits of its parent. Processes from before the run are left
alone.
"""

from __future__ import annotations

import os
import signal
from contextlib import contextmanager
from typing import TYPE_CHECKING

from runnerlib._util.values import NamedTuple
from runnerlib.executor.local import _spawn, subreaper
from runnerlib.executor.local.process_tag import ProcessTag, new_tag
from runnerlib.executor.local.process_tree import descendants, describe, end_all, send, status, wait_for

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from runnerlib._util.proc import ProcessStat


class Alone(NamedTuple):
    """The mark that everything of this process carries, and which of its descendants were there before."""

    tag: ProcessTag
    before: frozenset[tuple[int, int]]

    @property
    def claims(self) -> bool:
        """True if unmarked processes belong to the job: only if the runner marks those that it starts itself."""
        return self.tag.number != 0

    def is_new(self, process: ProcessStat) -> bool:
        """Return whether a descendant of this process was started by the run."""
        return (process.pid, process.started) not in self.before


_now: list[Alone] = []


def current() -> Alone | None:
    """Return the exclusive run of this process, or None."""
    return _now[-1] if _now else None


@contextmanager
def alone() -> Iterator[None]:
    """Be alone with a run; the command line is from its plan to its end. Raises RunnerError."""
    subreaper.acquire()
    try:
        here = Alone(new_tag(), frozenset((one.pid, one.started) for one in _descendants()))
        limit = _spawn.mark_own(here.tag.number) if here.claims else 0
        _now.append(here)
        try:
            yield
        finally:
            _now.remove(here)
            if here.claims:
                _spawn.mark_own(limit)
    finally:
        subreaper.release()


def end_left(tell: Callable[[str], object], grace: float) -> None:
    """Name the processes that the run has left, and end them: TERM and, after `grace` seconds, KILL.

    A job leaves none: they are those of hooks.
    """
    left = _left()
    try:
        for process in left:
            if (shown := describe(process.pid)) is not None:
                name = f"process {shown.pid} ({shown.command})"
                tell(f"{name} was still running after the run; it is stopped")
            send(process, signal.SIGTERM)
        wait_for(_left, grace)
    finally:
        end_all(_left)


def _left() -> list[ProcessStat]:
    here = current()
    return [one for one in _descendants() if here is not None and here.is_new(one)]


def _descendants() -> list[ProcessStat]:
    found = map(status, descendants(os.getpid()))
    return [one for one in found if one is not None and not one.dead]
