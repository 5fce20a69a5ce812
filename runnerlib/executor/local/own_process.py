"""Attributes of the runner's own process that supervision changes: who adopts orphans, open files, exclusive runs.

The kernel keeps them once per process. So this module keeps one count of the users of each, and the values from before
the first. In an exclusive run the process, such as the command line, has no other work, so every adopted child is the
job's. Processes that the runner itself starts, for source, secrets, containers and hooks of plugins, carry the mark of
the job as well, for step 0, because a child inherits the limits of its parent. Processes from before the run are left
alone.
"""

from __future__ import annotations

import os
import resource
import signal
from contextlib import contextmanager, suppress
from threading import Lock
from typing import TYPE_CHECKING

from runnerlib._util.values import NamedTuple
from runnerlib.executor.local import _spawn
from runnerlib.executor.local.process_tag import ProcessTag, new_tag
from runnerlib.executor.local.process_tree import descendants, describe, end_all, send, status, wait_for

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from runnerlib._util.proc import ProcessStat


_lock = Lock()
_count = 0
_collecting = 0
_adopted = False
_ignored = False
_refused = ""
_owner = 0


def adopt() -> None:
    """Adopt the orphans among the descendants of this process, if the system allows it, and learn how children end."""
    global _count, _adopted, _refused  # noqa: PLW0603 - see above
    with _lock:
        _forget_parent()
        if _count == 0:
            try:
                _adopted = _spawn.subreaper()
                _spawn.set_subreaper(True)
                _refused = ""
            except OSError as error:  # only by a seccomp profile
                _refused = str(error.strerror)
        _count += 1
        _collect()


def adoption_refused() -> str:
    """Return why the last `adopt` could not make this process a subreaper; else an empty text."""
    return _refused


def adopt_no_more() -> None:
    """Undo one `adopt`; the last one restores the original state."""
    global _count  # noqa: PLW0603
    with _lock:
        if _owner != os.getpid():
            return
        _count -= 1
        if _count == 0 and not _refused:
            _spawn.set_subreaper(_adopted)
        _collect_no_more()


@contextmanager
def collecting() -> Iterator[None]:
    """Learn how children end, though the program may ignore that; for a child that belongs to no job."""
    with _lock:
        _forget_parent()
        _collect()
    try:
        yield
    finally:
        with _lock:
            if _owner == os.getpid():
                _collect_no_more()


def _forget_parent() -> None:
    """In a fork: a child has the variables of its parent, and not its attributes."""
    global _count, _collecting, _owner
    if _owner != os.getpid():
        _count, _collecting, _owner = 0, 0, os.getpid()


def _collect() -> None:
    global _collecting, _ignored  # noqa: PLW0603
    if _collecting == 0:
        # The runner's parent may have ignored SIGCHLD, and that is inherited.
        _ignored = _spawn.ignore_children(False)
    _collecting += 1


def _collect_no_more() -> None:
    global _collecting  # noqa: PLW0603
    _collecting -= 1
    if _collecting == 0 and _ignored:
        _spawn.ignore_children(True)


# Descriptors for a thousand steps at a time, and more; a limit of millions helps no process.
_WANTED_FILES = 1 << 14

_limit_lock = Lock()
_limit_users = 0
_given_limit = 0


def raise_file_limit() -> int:
    """Raise the soft limit as far as the hard one allows; the limit that there was, which is for steps."""
    global _limit_users, _given_limit  # noqa: PLW0603 - a limit is of the whole process
    with _limit_lock:
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        if _limit_users == 0:
            _given_limit = soft
            _set_limit(max(soft, _WANTED_FILES if hard == resource.RLIM_INFINITY else min(hard, _WANTED_FILES)), hard)
        _limit_users += 1
        return _given_limit


def places(each: int, spare: int) -> int:
    """Return how many items of `each` descriptors fit into the limit, at least one; `spare` descriptors stay free."""
    return max((resource.getrlimit(resource.RLIMIT_NOFILE)[0] - spare) // each, 1)


def restore_file_limit() -> None:
    """Undo one `raise_file_limit`; the last one restores the limit."""
    global _limit_users  # noqa: PLW0603
    with _limit_lock:
        _limit_users -= 1
        if _limit_users == 0:
            _set_limit(_given_limit, resource.getrlimit(resource.RLIMIT_NOFILE)[1])


def _set_limit(soft: int, hard: int) -> None:
    # The system may have a lower limit for all of them, or the program lowered the hard one.
    with suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


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
    adopt()
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
        adopt_no_more()


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
